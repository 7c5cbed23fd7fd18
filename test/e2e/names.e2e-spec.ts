import { randomUUID } from 'node:crypto';
import type { Channel, Document, DocumentVersion, Page, Problem } from '@atrium/contracts';
import { anonymous, newOrganization, type Person } from '../lib/api.js';

let owner: Person;
beforeAll(async () => (owner = await newOrganization()));

const TURNED = 'gene\u202elar';
const HIDDEN = 'gene\u200bral';

it.each<[string, string, object, string]>([
  ['organizations', 'PATCH /v1/organization', { name: TURNED }, '/name'],
  ['new organizations', 'POST /v1/organizations', { name: HIDDEN }, '/name'],
  ['people', 'PATCH /v1/me', { displayName: HIDDEN }, '/displayName'],
  ['channels', 'POST /v1/channels', { name: TURNED }, '/name'],
  ['teams', 'POST /v1/teams', { name: HIDDEN }, '/name'],
  ['agents', 'POST /v1/agents', { name: 'helper', displayName: HIDDEN, instructions: 'Help.' }, '/displayName'],
  ['API keys', 'POST /v1/api-keys', { name: TURNED, scopes: ['account:read'] }, '/name'],
  ['namespaces', 'POST /v1/namespaces', { name: HIDDEN }, '/name'],
])('names of %s hide nothing and turn nothing', async (_what, route, body, pointer) => {
  const [method = '', path = ''] = route.split(' ');

  const { errors } = await owner.api.refused(400, method, path, { body });

  expect(errors).toContainEqual({ pointer, message: 'must not contain invisible characters or ones that change the direction of text' });
});

it('names are refused at registration too, and each fault is told where it stands, as a person reads it', async () => {
  const { body } = await anonymous().call<Problem>('POST', '/v1/auth/register', {
    body: { email: 'nobody', password: 'short', displayName: HIDDEN, organizationName: '' },
  });

  expect(body).toMatchObject({ status: 400, code: 'request.invalid' });
  expect(body.detail).toBe('The request does not have the documented form: /email must be an e-mail address.');
  expect(body.errors).toEqual([
    { pointer: '/email', message: 'must be an e-mail address' },
    { pointer: '/password', message: 'must have at least 10 characters' },
    { pointer: '/displayName', message: 'must not contain invisible characters or ones that change the direction of text' },
    { pointer: '/organizationName', message: 'must not be empty' },
  ]);
});

it('names of public channels are one when only their encoding or case differs', async () => {
  const name = `über ${randomUUID()}`;
  const made = await owner.api.post<Channel>('/v1/channels', { name: name.normalize('NFD') });

  expect(made.name).toBe(name.normalize('NFC'));
  await owner.api.refused(409, 'POST', '/v1/channels', { body: { name: name.normalize('NFC') } });
  await owner.api.refused(409, 'POST', '/v1/channels', { body: { name: name.toUpperCase().normalize('NFD') } });
});

it('names keep the joiners of scripts and emoji that need them', async () => {
  const name = `می\u200cخواهم 👩🏽\u200d⚕\ufe0f ${randomUUID()}`;

  expect((await owner.api.post<Channel>('/v1/channels', { name })).name).toBe(name);
});

it('names of files lose what hides or turns', async () => {
  const form = new FormData();
  form.append('file', new Blob(['text'], { type: 'text/plain' }), 'plan\u202efdp\u200b\u{e0041}.txt');
  const { id, title } = await owner.api.post<Document>('/v1/documents', form);

  const { data } = await owner.api.get<Page<DocumentVersion>>(`/v1/documents/${id}/versions`);
  expect([title, data[0]?.fileName]).toEqual(['plan fdp .txt', 'plan fdp .txt']);
});
