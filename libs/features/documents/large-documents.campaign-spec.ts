import type { Document } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from '../../../test/lib/api.js';
import { withClient } from '../../../test/lib/row-security.js';
import { testRun } from '../../../test/lib/run.js';

/** About 1,100 passages a megabyte, each with the word. */
function upload(owner: Person, word: string, megabytes: number, path = '/v1/documents'): Promise<Document> {
  const line = `The ${word} of the plan stands in this sentence of many words. `;
  const form = new FormData();
  form.append('file', new Blob([line.repeat(Math.ceil((megabytes * 1_000_000) / line.length))]), 'large.txt');
  return owner.api.ok<Document>('POST', path, { body: form });
}
const found = async (owner: Person, q: string) => (await owner.api.get<{ data: unknown[] }>('/v1/search', { q })).data.length;
const statusOf = async (owner: Person, id: string) => (await owner.api.get<Document>(`/v1/documents/${id}`)).status;
const isReady = (owner: Person, id: string) => eventually('it is ready', async () => (await statusOf(owner, id)) === 'ready', 120_000);

const rows = <Row extends object>(sql: string, ...values: string[]) =>
  withClient(testRun().database.ownerUrl, async (client) => (await client.query<Row>(sql, values)).rows);
const idsOf = async (table: 'document_chunks' | 'search_units', documentId: string) => {
  const column = table === 'search_units' ? 'subject_id' : 'document_id';
  return (await rows<{ id: string }>(`SELECT id FROM ${table} WHERE ${column} = $1 ORDER BY id`, documentId)).map(({ id }) => id);
};
const settled = ({ organization }: Person) =>
  eventually(
    'nothing is veiled',
    async () => (await rows('SELECT 1 FROM search_veils WHERE org_id = $1', organization.id)).length === 0,
    60_000,
  );

it('lets others post while it is read, and is found only once it is ready', async () => {
  const owner = await newOrganization();
  const channel = await owner.api.post<{ id: string }>('/v1/channels', { name: 'meanwhile' });
  const { id } = await upload(owner, 'zucchini', 2);
  await eventually('its units are being written', async () => (await idsOf('search_units', id)).length > 0, 30_000);

  await owner.api.post(`/v1/channels/${channel.id}/messages`, { body: 'hello' });
  const [hits, status] = [await found(owner, 'zucchini'), await statusOf(owner, id)];

  expect([status, hits]).toEqual(['processing', 0]);
  await isReady(owner, id);
  expect(await found(owner, 'zucchini')).toBe(1);
  expect(await idsOf('document_chunks', id)).toEqual(await idsOf('search_units', id));
}, 180_000);

it('changes its version, its readers and its being there at one moment, and leaves nothing', async () => {
  const owner = await newOrganization();
  const { id } = await upload(owner, 'artichoke', 0.5);
  await isReady(owner, id);
  await upload(owner, 'fennel', 0.5, `/v1/documents/${id}/versions`);
  await isReady(owner, id);
  expect([await found(owner, 'artichoke'), await found(owner, 'fennel')]).toEqual([0, 1]);

  await owner.api.patch(`/v1/documents/${id}`, { access: { level: 'private' } });
  await settled(owner);
  const grants = await rows('SELECT DISTINCT grants FROM search_units WHERE org_id = $1', owner.organization.id);
  expect(grants).toEqual([{ grants: [`user:${owner.user.id}`] }]);
  expect(await found(owner, 'fennel')).toBe(1);

  await owner.api.delete(`/v1/documents/${id}`);
  expect(await found(owner, 'fennel')).toBe(0);
  await settled(owner);
  expect(await idsOf('search_units', id)).toEqual([]);
}, 180_000);
