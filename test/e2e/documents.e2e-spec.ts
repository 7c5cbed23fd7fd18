import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type {
  Document,
  DocumentChunkPage,
  DocumentPage,
  DocumentText,
  DocumentVersionPage,
  Problem,
  Role,
  SearchResult,
} from '@atrium/contracts';
import { LocalBlobStore } from '@atrium/platform/storage';
import { anonymous, type Api, eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { ClientState, replayEqualsFetch } from '../lib/client-state.js';
import { LiveClient } from '../lib/live-client.js';
import { withClient } from '../lib/row-security.js';
import { testRun } from '../lib/run.js';

type Part = [name: string, value: string | Buffer, fileName?: string, mediaType?: string];

/** A form with its parts in this order. */
function form(...parts: Part[]): FormData {
  const data = new FormData();
  for (const [name, value, fileName, mediaType] of parts) {
    if (fileName === undefined) data.append(name, value.toString());
    else data.append(name, new Blob([Buffer.from(value)], { type: mediaType ?? '' }), fileName);
  }
  return data;
}
const upload = ({ api }: Person, ...parts: Part[]) => api.ok<Document>('POST', '/v1/documents', { body: form(...parts) });
const write = ({ api }: Person, title: string, text: string, more: object = {}) =>
  api.post<Document>('/v1/documents', { title, text, ...more });
const read = (api: Api, id: string) => api.get<Document>(`/v1/documents/${id}`);
const find = async ({ api }: Person, query: string) => (await api.post<SearchResult>('/v1/search', { query })).data;
const ended = ({ api }: Person, { id }: Document) =>
  eventually('the ingestion ends', async () => {
    const document = await read(api, id);
    return document.status !== 'processing' && document;
  });

const blobs = () => new LocalBlobStore(join(testRun().dataDir, 'blobs'));
async function blobsOf(person: Person): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of blobs().list(person.organization.id)) keys.push(key);
  return keys;
}
/** Every file below the organization's folder, unfinished ones too. */
const filesOf = (person: Person) =>
  readdirSync(join(testRun().dataDir, 'blobs', person.organization.id), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
/** What the database keeps of a document, as the superuser sees it. */
const rowsOf = (documentId: string) =>
  withClient(testRun().database.ownerUrl, async (client) => {
    const { rows } = await client.query<Record<string, number>>(
      `SELECT (SELECT count(*)::int FROM documents WHERE id = $1) AS documents,
        (SELECT count(*)::int FROM document_versions WHERE document_id = $1) AS versions,
        (SELECT count(*)::int FROM document_chunks WHERE document_id = $1) AS chunks,
        (SELECT count(*)::int FROM search_units WHERE subject_id = $1) AS units,
        (SELECT count(*)::int FROM event_texts WHERE subject_id = $1 AND (text IS NOT NULL OR salt IS NOT NULL)) AS texts`,
      [documentId],
    );
    return rows[0];
  });
const NOTHING = { documents: 0, versions: 0, chunks: 0, units: 0, texts: 0 };
/** What can no more be read at once is taken away a moment later. */
const goneWhole = (id: string) =>
  eventually('everything of the document is gone', async () => isDeepStrictEqual(await rowsOf(id), NOTHING));

// While the run starts up on a busy machine, the app may shed load.
beforeAll(() => eventually('the app serves', async () => (await anonymous().call('GET', '/v1/documents')).status === 401));

describe('the samples', () => {
  it.each([
    ['northwind-handbook.pdf', 'application/pdf', 'How many days of paid leave do I have?', '27 days of paid leave'],
    [
      'service-level-agreement.docx',
      'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      'Who is the second step of the escalation?',
      'Henrike Maas',
    ],
    ['engineering-runbook.md', 'text/markdown', 'Who owns the alert-router?', 'Siobhan Walsh'],
  ])('%s is read, can be found, and leaves nothing when it is removed', async (name, mediaType, question, fact) => {
    const owner = await newOrganization();
    const file = readFileSync(join(process.cwd(), 'samples', name));

    const taken = await upload(owner, ['file', file, name]);
    expect(taken).toMatchObject({ title: name, status: 'processing', version: 1, sizeBytes: file.length, failure: null, folderId: null });
    expect(await ended(owner, taken)).toMatchObject({ status: 'ready', mediaType, access: { level: 'organization', grants: [] } });

    const { text } = await owner.api.get<DocumentText>(`/v1/documents/${taken.id}/text`);
    const { data: chunks } = await owner.api.get<DocumentChunkPage>(`/v1/documents/${taken.id}/chunks`, { limit: 200 });
    for (const chunk of chunks) expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
    const source = (await find(owner, question))
      .flatMap((hit) => (hit.kind === 'document' ? [hit.source] : []))
      .find(({ documentId }) => documentId === taken.id);
    expect(text.slice(source?.start, source?.end)).toContain(fact);
    expect(chunks.map(({ id }) => id)).toContain(source?.chunkId);
    expect(await rowsOf(taken.id)).toMatchObject({ documents: 1, versions: 1, chunks: chunks.length, units: chunks.length });

    await owner.api.delete(`/v1/documents/${taken.id}`);
    await goneWhole(taken.id);
    expect(filesOf(owner)).toEqual([]);
    expect(await find(owner, question)).toEqual([]);
    expect((await owner.api.refused(404, 'GET', `/v1/documents/${taken.id}/content`)).code).toBe('documents.not_found');
  });
});

describe('an upload', () => {
  it('takes fields before and after the file, and a title from any script', async () => {
    const owner = await newOrganization();

    const document = await upload(
      owner,
      ['access', 'private'],
      ['file', 'Some text.', 'U\u0308bersicht 日本.txt', 'text/plain'],
      ['metadata', '{"year": 2026}'],
    );

    expect(document).toMatchObject({ title: 'Übersicht 日本.txt', metadata: { year: 2026 }, access: { level: 'private', grants: [] } });
    expect((await upload(owner, ['file', 'Some text.', 'a.txt'], ['title', 'Plan'])).title).toBe('Plan');
  });

  it('takes text as JSON, as a file like any other', async () => {
    const owner = await newOrganization();
    const document = await write(owner, 'Notes', '# Harvest\n\nPears in September.', { mediaType: 'text/markdown', access: 'private' });

    expect(await ended(owner, document)).toMatchObject({ status: 'ready', mediaType: 'text/markdown', access: { level: 'private' } });
    const { data } = await owner.api.get<DocumentChunkPage>(`/v1/documents/${document.id}/chunks`);
    expect(data[0]).toMatchObject({ ordinal: 0, headingPath: ['Harvest'], page: null });
    const content = await owner.api.call<string>('GET', `/v1/documents/${document.id}/content`);
    expect(content.body).toBe('# Harvest\n\nPears in September.');
    expect(content.headers.get('content-disposition')).toContain('filename="Notes.md"');
  });

  it.each<[string, Part[], string]>([
    ['no file', [['title', 'Plan']], 'documents.file_missing'],
    ['a file that is a field', [['file', 'text']], 'documents.file_missing'],
    [
      'two files',
      [
        ['file', 'one', 'a.txt'],
        ['file', 'two', 'b.txt'],
      ],
      'documents.several_files',
    ],
    ['a file of another name', [['picture', 'x', 'a.png']], 'request.invalid'],
    ['an empty file', [['file', '', 'a.txt']], 'documents.empty'],
    [
      'an unknown field after the file',
      [
        ['file', 'x', 'a.txt'],
        ['owner', 'me'],
      ],
      'request.invalid',
    ],
    [
      'a field twice',
      [
        ['title', 'a'],
        ['title', 'b'],
        ['file', 'x', 'a.txt'],
      ],
      'request.invalid',
    ],
    [
      'metadata that is no JSON',
      [
        ['file', 'x', 'a.txt'],
        ['metadata', '{'],
      ],
      'request.invalid',
    ],
    [
      'metadata too deep',
      [
        ['file', 'x', 'a.txt'],
        ['metadata', `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
      ],
      'request.invalid',
    ],
    [
      'metadata with NUL',
      [
        ['file', 'x', 'a.txt'],
        ['metadata', '{"a":"\\u0000"}'],
      ],
      'request.invalid',
    ],
    [
      'access that does not exist',
      [
        ['file', 'x', 'a.txt'],
        ['access', 'public'],
      ],
      'request.invalid',
    ],
  ])('with %s is refused and leaves nothing', async (_what, parts, code) => {
    const owner = await newOrganization();
    await write(owner, 'Kept', 'Kept.');

    const problem = await owner.api.refused(400, 'POST', '/v1/documents', { body: form(...parts) });

    expect(problem.code).toBe(code);
    expect(filesOf(owner)).toHaveLength(1);
    expect((await owner.api.get<DocumentPage>('/v1/documents')).data).toHaveLength(1);
  });

  it('that is malformed or ends early leaves nothing', async () => {
    const owner = await newOrganization();
    await write(owner, 'Kept', 'Kept.');
    const headers = { authorization: `Bearer ${owner.accessToken}`, 'content-type': 'multipart/form-data; boundary=x' };
    const half = '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf of it';
    const whole = await fetch(`${testRun().baseUrl}/v1/documents`, { method: 'POST', headers, body: half });
    expect([whole.status, ((await whole.json()) as Problem).code]).toEqual([400, 'documents.upload_broken']);

    await new Promise<void>((resolve) => {
      const call = request(`${testRun().baseUrl}/v1/documents`, { method: 'POST', headers: { ...headers, 'content-length': 1_000_000 } });
      call.on('error', () => resolve());
      call.write(half.padEnd(200_000, '.'), () => setTimeout(() => call.destroy(), 100));
    });

    await eventually('only the kept file is left', async () => filesOf(owner).length === 1);
    expect((await owner.api.get<DocumentPage>('/v1/documents')).data).toHaveLength(1);
  });

  it('with an Idempotency-Key counts once, whatever the boundary', async () => {
    const owner = await newOrganization();
    const headers = { 'idempotency-key': randomUUID() };
    const post = (text: string) => owner.api.call<Document>('POST', '/v1/documents', { body: form(['file', text, 'a.txt']), headers });

    const first = await post('The very same.');
    const second = await post('The very same.');
    const other = await post('Something else.');

    expect(second.body).toEqual(first.body);
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
    expect([other.status, (other.body as unknown as Problem).code]).toEqual([422, 'request.idempotency_mismatch']);
    expect(await blobsOf(owner)).toHaveLength(1);
  });
});

describe('a file that cannot be read', () => {
  it.each<[string, string | Buffer, string, string]>([
    ['a damaged PDF', '%PDF-1.7\nnot really', 'a.pdf', 'corrupt'],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d4948445200000001', 'hex'), 'a.png', 'unsupported'],
    ['white space', ' \n\t\n ', 'a.txt', 'no_text'],
  ])('%s ends as failed with the reason', async (_what, content, name, code) => {
    const owner = await newOrganization();

    const document = await ended(owner, await upload(owner, ['file', content, name]));

    expect(document).toMatchObject({ status: 'failed', failure: { code } });
    expect(document.failure?.message).toMatch(/^[A-Z].{10,}\.$/);
    expect((await owner.api.refused(409, 'GET', `/v1/documents/${document.id}/text`)).code).toBe('documents.not_ready');
    expect(await rowsOf(document.id)).toMatchObject({ chunks: 0, units: 0 });
  });

  it('can be tried again, and only then', async () => {
    const owner = await newOrganization();
    const failed = await ended(owner, await upload(owner, ['file', '%PDF-1.7\nno', 'a.pdf']));

    const again = await owner.api.call<Document>('POST', `/v1/documents/${failed.id}/retry`);
    expect([again.status, again.body.status, again.body.failure]).toEqual([202, 'processing', null]);
    expect((await ended(owner, failed)).status).toBe('failed');

    const ready = await ended(owner, await write(owner, 'Fine', 'A fine text.'));
    expect((await owner.api.refused(409, 'POST', `/v1/documents/${ready.id}/retry`)).code).toBe('documents.not_failed');
    await owner.api.post(`/v1/documents/${failed.id}/versions`, { text: 'Now as text.' });
    expect(await ended(owner, failed)).toMatchObject({ status: 'ready', version: 2, failure: null });
  });
});

describe('versions', () => {
  it('stay as they are; the newest ready one is read and found', async () => {
    const owner = await newOrganization();
    const { id } = await ended(owner, await write(owner, 'Fees', 'The fee is seventy euros.'));
    const sent = await owner.api.call<Document>('POST', `/v1/documents/${id}/versions`, {
      body: form(['file', 'The charge is ninety euros.', 'fees.txt'], ['title', 'Charges']),
    });
    expect(sent).toMatchObject({ status: 202, body: { id, version: 2, title: 'Charges', status: 'processing' } });
    const document = await ended(owner, sent.body);

    const { data } = await owner.api.get<DocumentVersionPage>(`/v1/documents/${id}/versions`);
    expect(data.map(({ number, fileName, createdBy }) => [number, fileName, createdBy])).toEqual([
      [2, 'fees.txt', owner.user.id],
      [1, 'Fees.txt', owner.user.id],
    ]);
    const text = async (version?: number) => (await owner.api.get<DocumentText>(`/v1/documents/${id}/text`, { version })).text;
    expect([await text(), await text(1), await text(2)]).toEqual([
      'The charge is ninety euros.',
      'The fee is seventy euros.',
      'The charge is ninety euros.',
    ]);
    expect(document.version).toBe(2);
    expect(await find(owner, 'seventy')).toEqual([]);
    expect((await find(owner, 'ninety')).map((hit) => hit.source)).toMatchObject([{ documentId: id, version: 2 }]);
    expect(await owner.api.ok<string>('GET', `/v1/documents/${id}/content`, { query: { version: 1 } })).toBe('The fee is seventy euros.');
    expect((await owner.api.refused(404, 'GET', `/v1/documents/${id}/text`, { query: { version: 3 } })).code).toBe(
      'documents.version_not_found',
    );
    await owner.api.refused(400, 'GET', `/v1/documents/${id}/text`, { query: { version: 99999999999 } });

    const failing = await owner.api.ok<Document>('POST', `/v1/documents/${id}/versions`, { body: form(['file', '%PDF-1.7\nno', 'a.pdf']) });
    expect(await ended(owner, failing)).toMatchObject({ status: 'failed', version: 3 });
    expect(await text()).toBe('The charge is ninety euros.');
    expect(await find(owner, 'ninety')).toHaveLength(1);
  });
});

describe('the original file', () => {
  it('comes whole, in part, or not again, and is only ever saved', async () => {
    const owner = await newOrganization();
    const { id } = await upload(owner, ['file', '0123456789', 'Ünïcode "x".txt', 'text/html']);
    const get = (headers: Record<string, string> = {}) => owner.api.call<string>('GET', `/v1/documents/${id}/content`, { headers });

    const whole = await get();
    expect([whole.status, whole.body, whole.headers.get('content-length'), whole.headers.get('accept-ranges')]).toEqual([
      200,
      '0123456789',
      '10',
      'bytes',
    ]);
    expect(whole.headers.get('content-disposition')).toMatch(
      /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''%C3%9Cn%C3%AFcode%20.*\.txt$/,
    );
    expect(whole.headers.get('x-content-type-options')).toBe('nosniff');
    expect(whole.headers.get('content-security-policy')).toContain('sandbox');
    const etag = whole.headers.get('etag') ?? '';
    expect(etag).toBe('"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"');

    const part = await get({ range: 'bytes=2-4' });
    expect([part.status, part.body, part.headers.get('content-range'), part.headers.get('content-length')]).toEqual([
      206,
      '234',
      'bytes 2-4/10',
      '3',
    ]);
    expect((await get({ range: 'bytes=-3' })).body).toBe('789');
    expect((await get({ range: 'bytes=2-4', 'if-range': '"other"' })).status).toBe(200);
    expect((await get({ range: 'bytes=2-4', 'if-range': etag })).status).toBe(206);
    const beyond = await get({ range: 'bytes=10-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */10']);
    expect((beyond.body as unknown as Problem).code).toBe('documents.range_not_satisfiable');
    const again = await get({ 'if-none-match': etag });
    expect([again.status, again.body]).toEqual([304, '']);
  });
});

describe('rights', () => {
  it('an organization’s document: members read it, its owner and admins change it, guests and strangers see nothing', async () => {
    const owner = await newOrganization();
    const [author, member, guest, admin] = await Promise.all(
      (['member', 'member', 'guest', 'admin'] as Role[]).map((role) => newColleague(owner, role)),
    );
    if (!author || !member || !guest || !admin) throw new Error('no colleagues');
    const stranger = await newOrganization();
    const { id } = await ended(author, await write(author, 'Shared', 'A shared quokka.'));
    const paths = ['', '/content', '/text', '/versions', '/chunks'];

    for (const path of paths) expect((await member.api.call('GET', `/v1/documents/${id}${path}`)).status).toBe(200);
    for (const path of paths) {
      for (const person of [guest, stranger]) {
        const hidden = await person.api.refused(404, 'GET', `/v1/documents/${id}${path}`);
        const absent = await person.api.refused(404, 'GET', `/v1/documents/${randomUUID()}${path}`);
        const { instance: _a, requestId: _b, ...shown } = hidden;
        const { instance: _c, requestId: _d, ...reference } = absent;
        expect(shown).toEqual(reference);
      }
    }
    expect((await guest.api.get<DocumentPage>('/v1/documents')).data).toEqual([]);
    expect(await find(guest, 'quokka')).toEqual([]);
    expect((await member.api.refused(403, 'PATCH', `/v1/documents/${id}`, { body: { title: 'Mine' } })).code).toBe('documents.not_owner');
    await member.api.refused(403, 'DELETE', `/v1/documents/${id}`);
    await member.api.refused(403, 'POST', `/v1/documents/${id}/versions`, { body: { text: 'Mine.' } });
    await stranger.api.refused(404, 'POST', `/v1/documents/${id}/versions`, { body: form(['file', 'Mine.', 'a.txt']) });
    expect((await guest.api.refused(403, 'POST', '/v1/documents', { body: { title: 'x', text: 'x' } })).code).toBe(
      'auth.permission_missing',
    );
    expect((await admin.api.patch<Document>(`/v1/documents/${id}`, { title: 'Checked' })).title).toBe('Checked');
    await admin.api.delete(`/v1/documents/${id}`);
    await goneWhole(id);
  });

  it('a private document is its owner’s alone, admins included, from the moment it becomes private', async () => {
    const owner = await newOrganization();
    const author = await newColleague(owner);
    const member = await newColleague(owner);
    const live = await LiveClient.connect(member.accessToken);
    const start = live.position;
    const { id } = await ended(author, await write(author, 'Salary talks', 'A secret wombat.'));
    expect(await find(member, 'wombat')).toHaveLength(1);

    const change = await author.api.patch<Document>(`/v1/documents/${id}`, { title: 'Hidden wombats', access: 'private' });

    expect(change.access).toEqual({ level: 'private', grants: [] });
    for (const person of [owner, member]) {
      await person.api.refused(404, 'GET', `/v1/documents/${id}`);
      await person.api.refused(404, 'DELETE', `/v1/documents/${id}`);
      expect(await find(person, 'wombat')).toEqual([]);
    }
    expect(await find(author, 'wombat')).toHaveLength(1);
    const told = await live.waitForEvent('documents.changed');
    expect(told.data).toMatchObject({ documentId: id, document: { access: { level: 'private' } } });
    expect(JSON.stringify(told)).not.toContain('wombats');
    await live.close();
    const replay = await LiveClient.connect(member.accessToken, { resumeFrom: start });
    await replay.waitForEvent('documents.changed');
    expect(JSON.stringify(replay.frames)).not.toContain('Salary');
    await replay.close();

    await author.api.patch(`/v1/documents/${id}`, { access: 'organization' });
    expect(await find(member, 'wombat')).toHaveLength(1);
  });
});

describe('changes', () => {
  it('honour If-Match, tell nothing when nothing changes, and bring a new title to the index', async () => {
    const owner = await newOrganization();
    const { id } = await ended(owner, await write(owner, 'Old', 'A text about ferries.'));
    const { headers } = await owner.api.call('GET', `/v1/documents/${id}`);
    const stale = { 'if-match': headers.get('etag') ?? '' };

    const same = await owner.api.call<Document>('PATCH', `/v1/documents/${id}`, { body: { title: 'Old' }, headers: stale });
    expect([same.status, same.headers.get('etag')]).toEqual([200, stale['if-match']]);
    await owner.api.ok('PATCH', `/v1/documents/${id}`, { body: { title: 'Timetable', metadata: { line: 7 } }, headers: stale });
    const late = await owner.api.refused(412, 'PATCH', `/v1/documents/${id}`, { body: { title: 'Late' }, headers: stale });

    expect(late.code).toBe('request.precondition_failed');
    await eventually('the title is found', async () => (await find(owner, 'timetable')).some((hit) => hit.title.startsWith('Timetable')));
    await owner.api.refused(400, 'PATCH', `/v1/documents/${id}`, { body: { ownerId: randomUUID() } });
    await owner.api.refused(400, 'PATCH', `/v1/documents/${id}`, { body: { metadata: { a: 'nul \0' } } });
  });

  it('are all told: a client that applies the events has what a fetch gives', async () => {
    const owner = await newOrganization();
    const member = await newColleague(owner);
    const [asOwner, asMember] = [
      { id: owner.user.id, role: 'owner' },
      { id: member.user.id, role: 'member' },
    ];
    const clients = [await LiveClient.connect(owner.accessToken), await LiveClient.connect(member.accessToken)];
    const states = [await ClientState.fetch(owner.api, asOwner), await ClientState.fetch(member.api, asMember)];

    const shared = await ended(owner, await write(owner, 'Shared', 'Shared text.'));
    const failed = await ended(owner, await upload(owner, ['file', '%PDF-1.7\nno', 'a.pdf']));
    await ended(member, await write(member, 'Mine', 'My own.', { access: 'private' }));
    await owner.api.patch(`/v1/documents/${shared.id}`, { access: 'private', metadata: { a: 1 } });
    await owner.api.post(`/v1/documents/${failed.id}/versions`, { text: 'Better.' });
    await ended(owner, failed);
    const gone = await ended(owner, await write(owner, 'Gone', 'Gone soon.'));
    await owner.api.delete(`/v1/documents/${gone.id}`);
    await owner.api.patch('/v1/organization', { name: 'The End' });

    const people = [
      { api: owner.api, self: asOwner },
      { api: member.api, self: asMember },
    ];
    for (const [index, { api, self }] of people.entries()) {
      const [client, state] = [clients[index], states[index]];
      if (!client || !state) throw new Error('no client');
      await client.waitForEvent('organizations.renamed');
      await replayEqualsFetch(state, client.events, api, self);
      await client.close();
    }
    const stages = clients[0]?.events.filter(({ type, subject }) => type === 'documents.ingestion_progressed' && subject.id === shared.id);
    expect(stages?.map(({ data }) => data['stage'])).toEqual(['extracting', 'chunking', 'indexing']);
  });
});

it('lists by page and status, newest first', async () => {
  const owner = await newOrganization();
  const ids: string[] = [];
  for (const title of ['One', 'Two', 'Three']) ids.unshift((await ended(owner, await write(owner, title, `Text ${title}.`))).id);
  const failed = await ended(owner, await upload(owner, ['file', '%PDF-1.7\nno', 'a.pdf']));

  const first = await owner.api.get<DocumentPage>('/v1/documents', { limit: 2, status: 'ready' });
  const second = await owner.api.get<DocumentPage>('/v1/documents', { limit: 2, status: 'ready', cursor: first.nextCursor ?? '' });

  expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
  expect(second.nextCursor).toBeNull();
  expect((await owner.api.get<DocumentPage>('/v1/documents', { status: 'failed' })).data.map(({ id }) => id)).toEqual([failed.id]);
  const { headers } = await owner.api.call('GET', '/v1/documents');
  expect(Number(headers.get('x-event-seq'))).toBeGreaterThan(0);
});
