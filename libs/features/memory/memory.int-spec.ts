import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AddMemory, ROLE_PERMISSIONS } from '@atrium/contracts';
import type { AuditPage, ExtractedMemories, Memory, MemoryEntryPage, MemoryPage, MemorySearchResult } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { GrantSet, ReaderGrants } from '@atrium/platform/search';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import type { z } from 'zod';
import { newOrganization, type Person } from '../../../test/lib/api.js';
import { type FakeModel, startFakeModel } from '../../../test/lib/fake-model.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { ExpirySweep } from './expiry-sweep.js';
import { MemoriesService } from './memories.service.js';

const contextOf = ({ organization, user }: Person): OrgContext => ({
  ...systemContext(organization.id, 'memory-spec'),
  principal: { kind: 'user', id: user.id, role: 'owner', onBehalfOf: null },
  permissions: new Set(ROLE_PERMISSIONS.owner),
});
const list = async ({ api }: Person) => (await api.get<z.infer<typeof MemoryPage>>('/v1/memories')).data;

describe('memories', () => {
  let app: NestFastifyApplication;
  let close: () => Promise<void>;
  let model: FakeModel;
  beforeAll(async () => {
    model = await startFakeModel();
    ({ app, close } = await openTestApp({ LLM_BASE_URL: model.baseUrl, LLM_MODEL: 'fake' }));
  });
  afterAll(async () => {
    await close();
    await model.stop();
  });
  beforeEach(() => model.reset());

  it('end when they expire: at once for readers, by the sweep for history and log, and once', async () => {
    const owner = await newOrganization();
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const memory = await owner.api.post<Memory>('/v1/memories', { content: 'The tomatoes are watered', expiresAt: soon });
    const kept = await owner.api.post<Memory>('/v1/memories', { content: 'The tomatoes are red' });
    const expiresAt = new Date().toISOString();
    await app
      .get(Db)
      .inOrg(systemContext(owner.organization.id, 'test'), (tx) =>
        tx.memory.updateMany({ where: { orgId: owner.organization.id, id: memory.id }, data: { expiresAt } }),
      );

    const found = await owner.api.post<MemorySearchResult>('/v1/memories/search', { query: 'tomatoes' });
    const sweep = app.get(ExpirySweep, { strict: false });
    await Promise.all([sweep.turn(), sweep.turn()]);

    expect(found.data.map(({ id }) => id)).toEqual([kept.id]);
    expect((await list(owner)).map(({ id }) => id)).toEqual([kept.id]);
    expect(await owner.api.get<Memory>(`/v1/memories/${memory.id}`)).toMatchObject({ validTo: expiresAt, supersededBy: null });
    const { data: entries } = await owner.api.get<z.infer<typeof MemoryEntryPage>>(`/v1/memories/${memory.id}/history`);
    expect(entries.map(({ kind, actor }) => [kind, actor.kind])).toEqual([
      ['added', 'user'],
      ['expired', 'system'],
    ]);
    const { data: audit } = await owner.api.get<z.infer<typeof AuditPage>>('/v1/audit', { subjectId: memory.id });
    expect(audit.map(({ type }) => type)).toEqual(['memory.expired', 'memory.added']);
    const again = await owner.api.post<Memory>('/v1/memories', { content: 'The tomatoes are watered' });
    expect(again.id).not.toBe(memory.id);
  });

  it('are told again by an agent whose readers may not see them, without a word of what was known', async () => {
    const owner = await newOrganization();
    const known = { content: 'Acme pays late.', tags: ['secret'], metadata: { from: 'a whisper' }, confidence: 0.9 };
    const { id } = await owner.api.post<Memory>('/v1/memories', known);
    const ctx = contextOf(owner);
    const inChannel = app.get(ReaderGrants).narrow(ctx, GrantSet.ofChannel(['org']));
    const tell = (by: OrgContext) => app.get(MemoriesService, { strict: false }).add(by, AddMemory.parse({ content: 'Acme pays late.' }));

    expect(await tell(inChannel)).toMatchObject({ outcome: 'added', memory: { id, tags: [], metadata: {}, confidence: 1 } });
    expect(await tell(ctx)).toMatchObject({ outcome: 'confirmed', memory: { id, tags: ['secret'], metadata: { from: 'a whisper' } } });
    expect(await list(owner)).toHaveLength(1);
  });

  const extract = ({ api }: Person, body: object) =>
    app
      .inject({ method: 'POST', url: '/v1/memories/extract', headers: { authorization: `Bearer ${api.token}` }, payload: body })
      .then((answer) => answer.json<ExtractedMemories>());

  it('are found in a conversation by the model, if their quotes are true', async () => {
    const owner = await newOrganization();
    const facts = [
      { message: 0, quote: 'I live in Lviv', content: 'Ben lives in Lviv', subject: 'Ben', predicate: 'lives in', confidence: 0.9 },
      { message: 0, quote: 'I live in Kyiv', content: 'Ben lives in Kyiv', subject: 'Ben', predicate: 'lives in', confidence: 0.9 },
    ];
    model.script({ kind: 'text', text: JSON.stringify({ facts }) });

    const { method, data } = await extract(owner, { messages: [{ author: 'Ben', content: 'I live in Lviv now.', id: 'm1' }] });

    expect(method).toBe('model');
    expect(data).toMatchObject([
      {
        quote: 'I live in Lviv',
        outcome: 'added',
        memory: { confidence: 0.9, source: { kind: 'message', id: 'm1' }, access: { level: 'private' } },
      },
    ]);
    expect(await list(owner)).toHaveLength(1);
  });

  it.each([
    { kind: 'text', text: 'I would rather not.' },
    { kind: 'status', status: 400 },
  ] as const)('are found by the rules when the model answers $kind', async (behaviour) => {
    const owner = await newOrganization();
    model.script(behaviour);
    const messages = [{ content: 'I live in Lviv.' }, { role: 'assistant', content: 'My name is Max.' }];

    const { method, data } = await extract(owner, { messages, dryRun: true });

    expect({ method, found: data.map(({ content, outcome, memory }) => [content, outcome, memory]) }).toEqual({
      method: 'rules',
      found: [['Olivia Owner lives in Lviv', 'proposed', null]],
    });
    expect(await list(owner)).toEqual([]);
  });
});
