import type { ServerResponse } from 'node:http';
import type { Agent, AgentRun, AuditRow, CreatedApiKey, HttpTool, HttpToolTest, Page, Tool } from '@atrium/contracts';
import { type AgentGround, approvalOf, newAgent, newAgentGround, runEnded, runWaits, startRun, toolSteps } from '../lib/agents.js';
import { eventually, newColleague, newOrganization, type Person } from '../lib/api.js';
import { define, jobStatus, rerunJob, strictObject, TEXT } from '../lib/http-tools.js';
import { McpCaller } from '../lib/mcp.js';
import { runStep, workflowEnded } from '../lib/mcp-servers.js';
import { Receiver } from '../lib/receiver.js';

const say = (text: string) => ({ kind: 'text' as const, text });
const call = (tool: string, args: unknown) => ({ kind: 'call' as const, calls: [{ tool, arguments: args }] });

let ground: AgentGround;
let scheduler: Receiver;
let elsewhere: Receiver;
let owner: Person;
let member: Person;
let stranger: Person;
beforeAll(async () => {
  ground = await newAgentGround();
  scheduler = ground.receiver;
  elsewhere = await Receiver.start();
  owner = await ground.newOrganization('Scheduling');
  member = await newColleague(owner);
  stranger = await newOrganization('Strangers');
}, 180_000);
afterAll(() => Promise.all([ground.stop(), elsewhere.stop()]));
beforeEach(() => {
  ground.model.reset();
  for (const one of [scheduler, elsewhere]) {
    one.received.length = 0;
    one.answers.clear();
    one.delayMs = 0;
    one.statuses.length = 0;
  }
});

const refusal = (definition: object) => owner.api.refused(400, 'POST', '/v1/http-tools', { body: definition });
const tryOut = ({ id }: Pick<HttpTool, 'id'>, args: object, by = owner) =>
  by.api.post<HttpToolTest>(`/v1/http-tools/${id}/test`, { arguments: args });
const offered = async ({ api }: Person, { tool }: HttpTool) =>
  (await api.get<Page<Tool>>('/v1/tools', { limit: 200 })).data.find(({ name }) => name === tool);
const answering = (path: string, body: string, type = 'application/json', status = 200) =>
  scheduler.answers.set(path, (response) => response.writeHead(status, { 'content-type': type }).end(body));

/** A run that makes these calls, as far as it goes by itself. */
async function runOf(agent: Agent, ...calls: [tool: string, args: object][]): Promise<AgentRun> {
  ground.model.script(...calls.map(([tool, args]) => call(tool, args)), say('Done.'));
  return startRun(member, agent);
}

describe('HTTP tools', () => {
  it('let an agent look into a system of the organization, and do something there once a person agrees', async () => {
    const status = await define(owner, jobStatus(scheduler));
    const rerun = await define(owner, rerunJob(scheduler, { credential: { kind: 'basic', user: 'atrium', password: 'pässwörd' } }));
    expect(status).toMatchObject({ tool: `http__${status.name}`, credentialHeader: 'Authorization', effect: 'reads', enabled: true });
    expect(rerun).toMatchObject({
      effect: 'outward',
      credentialHeader: 'Authorization',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    answering('/jobs/nightly%20load/status?verbose=1', '{"state":"failed","code":8}');
    const agent = await newAgent(owner, { tools: [status.tool, rerun.tool] });

    const rerunArgs = { job: 'nightly load', reason: 'Disk was full.', from: 3 };
    const run = await runOf(agent, [status.tool, { job: 'nightly load' }], [rerun.tool, rerunArgs]);
    await runWaits(member, run);
    expect(scheduler.received).toMatchObject([
      {
        method: 'GET',
        path: '/jobs/nightly%20load/status?verbose=1',
        key: '',
        headers: { 'x-client': 'atrium', authorization: 'Bearer the-secret' },
      },
    ]);
    const approval = await approvalOf(member, run);
    expect(approval).toMatchObject({ arguments: { tool: rerun.tool, arguments: rerunArgs, definition: rerun.hash } });
    await member.api.post(`/v1/approvals/${approval.id}/approve`);
    const ended = await runEnded(member, run);

    expect(ended).toMatchObject({ status: 'succeeded', tainted: true });
    expect(toolSteps(ended)).toMatchObject([
      { output: { text: '', structured: { state: 'failed', code: 8 } } },
      { status: 'succeeded', approvalId: approval.id, output: { structured: { ok: true } } },
    ]);
    const { data } = await owner.api.get<Page<AuditRow>>('/v1/audit', { limit: 200 });
    const told = data.filter(({ type, data: facts }) => type.startsWith('http-tools.') && facts['httpToolId'] === rerun.id);
    expect(told.map(({ type }) => type)).toEqual(['http-tools.called', 'http-tools.created']);
    const sent = scheduler.received[1];
    expect(sent).toMatchObject({ method: 'POST', path: '/jobs/nightly%20load/rerun', key: expect.stringMatching(/./) as string });
    expect(sent?.headers['authorization']).toBe(`Basic ${Buffer.from('atrium:pässwörd').toString('base64')}`);
    expect(JSON.parse(sent?.body ?? '')).toEqual({ reason: 'Disk was full.', from: 3 });
    expect(told.at(0)?.data).toMatchObject({ callId: sent?.key });

    expect(JSON.stringify(data)).not.toMatch(/the-secret|pässwörd/);
  });

  it('are called by an approval only as they were when it was asked for', async () => {
    const rerun = await define(owner, rerunJob(scheduler));
    const agent = await newAgent(owner, { tools: [rerun.tool] });
    const args = { job: 'load', reason: 'Again.' };
    const run = await runOf(agent, [rerun.tool, args], [rerun.tool, args]);
    const first = await approvalOf(member, run);
    const changed = await owner.api.patch<HttpTool>(`/v1/http-tools/${rerun.id}`, { url: `${scheduler.baseUrl}/jobs/{job}/purge` });
    expect(changed.hash).not.toBe(rerun.hash);

    await member.api.post(`/v1/approvals/${first.id}/approve`);
    const second = await eventually('it asks anew', async () => {
      const asked = await approvalOf(member, run);
      return asked.id !== first.id && asked;
    });
    expect(scheduler.received).toEqual([]);
    expect(second.arguments).toMatchObject({ definition: changed.hash });
    await member.api.post(`/v1/approvals/${second.id}/approve`);
    expect(toolSteps(await runEnded(member, run))).toMatchObject([
      { status: 'refused', failure: { code: 'approvals.arguments_changed' } },
      { status: 'succeeded', approvalId: second.id },
    ]);
    expect(scheduler.received.map(({ path }) => path)).toEqual(['/jobs/load/purge']);
  });

  it('ask a person, even when they only read, once the run has read something of others', async () => {
    const { tool } = await define(owner, jobStatus(scheduler));
    const agent = await newAgent(owner, { tools: [tool] });
    await runWaits(member, await runOf(agent, [tool, { job: 'one' }], [tool, { job: 'two' }]));
    expect(scheduler.received.map(({ path }) => path)).toEqual(['/jobs/one/status?verbose=1']);
  });

  it('are steps of workflows, and tools of MCP clients', async () => {
    const status = await define(owner, jobStatus(scheduler));
    answering('/jobs/load/status?day=today%20%26%20all&verbose=1', '{"n":3}');
    answering('/jobs/plain/status?verbose=1', 'a\u200bb\u0007', 'text/plain; charset=utf-8');
    const ended = await workflowEnded(member, await runStep(member, status.tool, { job: 'load', day: 'today & all' }));
    expect(ended).toMatchObject({ status: 'succeeded', output: { n: 3, text: '' } });

    const client = await McpCaller.connect(member.api);
    expect(await client.call(status.tool, { job: 'plain' })).toEqual({ text: 'ab', structured: null });
    answering('/jobs/echo/status?verbose=1', JSON.stringify({ headers: { 'author\u200bization': 'Bearer the-secret' } }));
    const echoed = { headers: { authorization: 'Bearer [credential]' } };
    expect(await client.call(status.tool, { job: 'echo' })).toEqual({ text: '', structured: echoed });
    expect(await client.problem(status.tool, { job: 'plain', more: 1 })).toMatchObject({ code: 'tools.invalid_arguments' });
    await client.close();
  });

  it('are called again by a workflow that is tried again, where they were refused', async () => {
    const rerun = await define(owner, rerunJob(scheduler, { effect: 'writes' }));
    answering('/jobs/load/rerun', '{"why":"locked"}', 'application/json', 409);
    const run = await runStep(member, rerun.tool, { job: 'load', reason: 'late' });
    expect(await workflowEnded(member, run)).toMatchObject({ status: 'failed', failure: { code: 'http-tools.answered' } });

    answering('/jobs/load/rerun', '{"n":1}');
    await member.api.post(`/v1/workflow-runs/${run.id}/retry`);
    expect(await workflowEnded(member, run)).toMatchObject({ status: 'succeeded', output: { n: 1 } });
    const keys = scheduler.received.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
  });

  it('are nobody else’s, and not of an agent that nobody watches when each call needs an approval', async () => {
    const rerun = await define(owner, rerunJob(scheduler));
    const path = `/v1/http-tools/${rerun.id}`;
    expect(await offered(member, rerun)).toMatchObject({ effects: ['reads_untrusted', 'publishes', 'sends_out'] });
    expect(await offered(stranger, rerun)).toBeUndefined();
    expect(await offered(await newColleague(owner, 'guest'), rerun)).toBeUndefined();
    expect((await stranger.api.get<Page<HttpTool>>('/v1/http-tools')).data).toEqual([]);
    for (const [method, at, body] of [
      ['GET', path, undefined],
      ['PATCH', path, { enabled: false }],
      ['DELETE', path, undefined],
      ['POST', `${path}/test`, {}],
    ] as const)
      expect((await stranger.api.refused(404, method, at, body && { body })).code).toBe('http-tools.not_found');
    expect((await member.api.refused(403, 'GET', path)).code).toBe('auth.permission_missing');
    expect((await stranger.api.refused(400, 'POST', '/v1/agents', { body: { name: 'thief', tools: [rerun.tool] } })).code).toBe(
      'agents.unknown_tool',
    );

    const { key } = await owner.api.post<CreatedApiKey>('/v1/api-keys', { name: 'alone', agentId: (await newAgent(owner)).id });
    const [alone, others] = await Promise.all([
      McpCaller.connect({ token: key, baseUrl: ground.baseUrl }),
      McpCaller.connect(stranger.api),
    ]);
    expect(await alone.tools()).not.toContain(rerun.tool);
    await owner.api.patch(path, { effect: 'writes' });
    expect(await alone.tools()).toContain(rerun.tool);
    await expect(others.call(rerun.tool, { job: 'a', reason: 'b' })).rejects.toThrow('no such tool');
    await Promise.all([alone.close(), others.close()]);
    expect(scheduler.received).toEqual([]);
  });

  it('are tried out by an administrator, turned off or not', async () => {
    const status = await define(owner, jobStatus(scheduler, { enabled: false }));
    expect(await offered(member, status)).toBeUndefined();
    answering('/jobs/load/status?verbose=1', '{"state":"late"}', 'application/problem+json', 503);
    expect(await tryOut(status, { job: 'load' })).toEqual({
      status: 503,
      durationMs: expect.any(Number) as number,
      contentType: 'application/problem+json',
      body: '{"state":"late"}',
      failure: null,
    });
    scheduler.answers.set('/jobs/gone/status?verbose=1', (response) => response.destroy());
    expect(await tryOut(status, { job: 'gone' })).toMatchObject({ status: null, body: null, failure: { code: 'http-tools.failed' } });
    expect((await owner.api.refused(400, 'POST', `/v1/http-tools/${status.id}/test`, { body: { arguments: {} } })).code).toBe(
      'tools.invalid_arguments',
    );
  });

  it('change and go only as they were read, and each name is there once', async () => {
    const status = await define(owner, jobStatus(scheduler));
    const path = `/v1/http-tools/${status.id}`;
    expect((await owner.api.refused(409, 'POST', '/v1/http-tools', { body: jobStatus(scheduler, { name: status.name }) })).code).toBe(
      'http-tools.name_taken',
    );
    const etag = (await owner.api.call('GET', path)).headers.get('etag') ?? '';
    await owner.api.patch(path, { description: 'Says how a job stands.' });
    for (const method of ['PATCH', 'DELETE'] as const)
      expect(
        await owner.api.refused(412, method, path, {
          headers: { 'if-match': etag },
          ...(method === 'PATCH' ? { body: { enabled: false } } : {}),
        }),
      ).toMatchObject({ code: 'request.precondition_failed' });
    await owner.api.delete(path);
    expect((await owner.api.refused(404, 'GET', path)).code).toBe('http-tools.not_found');
    expect((await owner.api.refused(400, 'POST', '/v1/mcp-servers', { body: { name: 'http', url: scheduler.baseUrl } })).code).toBe(
      'request.invalid',
    );
  });

  const UNSOUND: [what: string, more: object, pointer: string][] = [
    ['a placeholder in the host', { url: 'http://{job}.example/' }, '/url'],
    ['a placeholder as port', { url: 'http://scheduler.example:{job}/' }, '/url'],
    ['a placeholder in the scheme', { url: '{job}://scheduler.example/' }, '/url'],
    ['a user in the address', { url: 'http://a:b@scheduler.example/{job}' }, '/url'],
    ['a fragment', { url: 'http://scheduler.example/{job}#x' }, '/url'],
    ['half an encoded character before a placeholder', { url: 'http://scheduler.example/%2{job}' }, '/url'],
    ['a backslash', { url: 'http://scheduler.example\\{job}' }, '/url'],
    ['steps up', { url: 'http://scheduler.example/a/%2E./{job}' }, '/url'],
    ['a placeholder that is no argument', { url: 'http://scheduler.example/{job}/{constructor}' }, '/url'],
    ['an optional argument in the path', { url: 'http://scheduler.example/{job}/{day}' }, '/url'],
    ['an argument that goes nowhere', { url: 'http://scheduler.example/{job}' }, '/inputSchema/properties/day'],
    [
      'arguments that are not strict',
      { inputSchema: { type: 'object', properties: { job: TEXT, day: TEXT } } },
      '/inputSchema/additionalProperties',
    ],
    [
      'a pattern, which is not checked',
      { inputSchema: strictObject({ job: { ...TEXT, pattern: '(a+)+$' }, day: TEXT }) },
      '/inputSchema/properties/job/pattern',
    ],
    [
      'required arguments that are no list',
      { inputSchema: { ...strictObject({ job: TEXT, day: TEXT }), required: 5 } },
      '/inputSchema/required',
    ],
    [
      'a keyword that nobody knows',
      { inputSchema: { ...strictObject({ job: TEXT, day: TEXT }), toString: { a: 1 } } },
      '/inputSchema/toString',
    ],
    [
      'a keyword with the signs of a pointer, too long to be told whole',
      { inputSchema: { ...strictObject({ job: TEXT, day: TEXT }), [`a/~${'b'.repeat(5_000)}`]: 1 } },
      `/inputSchema/a~1~0${'b'.repeat(97)}`,
    ],
    ['a header of the connection', { headers: { Host: 'inside' } }, '/headers/Host'],
    ['a credential among the headers', { headers: { Authorization: 'Bearer x' } }, '/headers/Authorization'],
    ['a line break in a header', { headers: { 'X-A': 'a\r\nX-B: b' } }, '/headers/X-A'],
    ['a header twice', { headers: { 'X-A': 'a', 'x-a': 'b' } }, '/headers/x-a'],
    [
      'the header of the credential',
      { headers: { 'x-key': 'a' }, credential: { kind: 'header', name: 'X-Key', value: 'b' } },
      '/headers/x-key',
    ],
    ['a line break in a credential', { credential: { kind: 'bearer', token: 'a\r\nX-B: b' } }, '/credential/token'],
    ['a line break in a password', { credential: { kind: 'basic', user: 'a', password: 'c\r\nX-B: b' } }, '/credential/password'],
    ['a colon in the user of a credential', { credential: { kind: 'basic', user: 'a:b', password: 'c' } }, '/credential/user'],
  ];
  it.each(UNSOUND)('are not defined with %s', async (_what, more, pointer) => {
    const problem = await refusal(jobStatus(scheduler, more));
    expect(problem.errors?.map((place) => place.pointer)).toContain(pointer);
  });

  it('keep values of arguments where they stand', async () => {
    const query = await define(owner, jobStatus(scheduler));
    const inPath = await define(owner, jobStatus(scheduler, { url: `${scheduler.baseUrl}/a/{job}/b?day={day}` }));
    for (const job of ['..', '.', '../../admin', 'x/../y', '..\\y', '', '%2e%2e', 'a\r\nHost: b', 'a\u0000'])
      expect((await owner.api.refused(400, 'POST', `/v1/http-tools/${inPath.id}/test`, { body: { arguments: { job } } })).code).toBe(
        'tools.invalid_arguments',
      );
    expect(scheduler.received).toEqual([]);

    const hostile = ['@evil.example', '//evil.example', 'a/b?c#d', '%2f%2e', '{day}', 'a&verbose=0', '…', "a'b"];
    for (const job of hostile) expect(await tryOut(inPath, { job })).toMatchObject({ status: 200 });
    expect(scheduler.received.map(({ path }) => path)).toEqual(hostile.map((job) => `/a/${encodeURIComponent(job)}/b`));
    scheduler.received.length = 0;
    await tryOut(query, { job: 'a', day: '../&verbose=0#' });
    expect(scheduler.received[0]?.path).toBe('/jobs/a/status?day=..%2F%26verbose%3D0%23&verbose=1');
  });

  const endless = (response: ServerResponse) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more).writeHead(200, { 'content-type': 'text/plain' });
    more();
  };
  it('bound what a system answers', async () => {
    const status = await define(owner, jobStatus(scheduler));
    scheduler.answers.set('/jobs/endless/status?verbose=1', endless);
    const { body } = await tryOut(status, { job: 'endless' });
    expect(body).toMatch(/^x{60000}… \(cut after 60000 characters\)$/);
    answering('/jobs/image/status?verbose=1', 'PNG', 'image/png');
    expect(await tryOut(status, { job: 'image' })).toMatchObject({ status: 200, contentType: 'image/png', body: null });
    answering('/jobs/broken/status?verbose=1', `no such job\u202e${'!'.repeat(2_000)}`, 'text/plain', 404);

    const client = await McpCaller.connect(member.api);
    const [image, broken] = [await client.problem(status.tool, { job: 'image' }), await client.problem(status.tool, { job: 'broken' })];
    expect(image).toMatchObject({ code: 'http-tools.failed', detail: expect.stringContaining('neither JSON nor text') as string });
    expect(broken).toMatchObject({ code: 'http-tools.answered', detail: expect.stringMatching(/status 404: no such job!+$/) as string });
    expect(broken.detail.length).toBeLessThan(700);
    await client.close();
  });

  it('follow redirects only where nothing is done, without the credential, and to no address inside', async () => {
    const to = (location: string) => (response: ServerResponse) => response.writeHead(302, { location }).end();
    const status = await define(owner, jobStatus(scheduler));
    const rerun = await define(owner, rerunJob(scheduler, { effect: 'writes' }));
    scheduler.answers.set('/jobs/moved/status?verbose=1', to(`${elsewhere.baseUrl}/moved`));
    scheduler.answers.set('/jobs/inside/status?verbose=1', to('http://10.0.0.1/'));
    scheduler.answers.set('/jobs/moved/rerun', to(`${elsewhere.baseUrl}/moved`));

    expect(await tryOut(status, { job: 'moved' })).toMatchObject({ status: 200 });
    expect(elsewhere.received).toMatchObject([{ path: '/moved' }]);
    expect(JSON.stringify(elsewhere.received)).not.toMatch(/the-secret|atrium/);
    expect(await tryOut(status, { job: 'inside' })).toMatchObject({ status: null, failure: { code: 'outbound.refused' } });
    expect(await tryOut(rerun, { job: 'moved', reason: 'x' })).toMatchObject({ status: 302 });
    const { id } = await define(owner, jobStatus(scheduler, { effect: 'writes' }));
    expect(await tryOut({ id }, { job: 'moved' })).toMatchObject({ status: 302 });
    expect(elsewhere.received).toHaveLength(1);
  });

  it('give a credential to no other origin, and call no address inside', async () => {
    const status = await define(owner, jobStatus(scheduler));
    const path = `/v1/http-tools/${status.id}`;
    const there = `${elsewhere.baseUrl}/jobs/{job}?day={day}`;
    expect((await owner.api.refused(400, 'PATCH', path, { body: { url: there } })).code).toBe('http-tools.credential_needed');
    expect(await owner.api.patch(path, { url: `${scheduler.baseUrl}/v2/{job}?day={day}` })).toMatchObject({
      credentialHeader: 'Authorization',
    });
    expect(await owner.api.patch(path, { url: there, credential: null })).toMatchObject({ credentialHeader: null });
    await tryOut(status, { job: 'a' });
    expect(elsewhere.received[0]?.headers['authorization']).toBeUndefined();
    await owner.api.patch(path, { url: 'http://169.254.169.254/{job}?day={day}' });
    expect(await tryOut(status, { job: 'a' })).toMatchObject({ status: null, failure: { code: 'outbound.refused' } });
  });

  it('are not called again when nobody knows whether a call happened, and clear where it did not', async () => {
    const rerun = await define(owner, rerunJob(scheduler, { effect: 'writes' }));
    const agent = await newAgent(owner, { tools: [rerun.tool] });
    scheduler.answers.set('/jobs/load/rerun', (response) => response.destroy());
    const waiting = await runWaits(member, await runOf(agent, [rerun.tool, { job: 'load', reason: 'x' }]));
    expect(toolSteps(waiting)).toMatchObject([{ status: 'outcome_unknown', failure: { code: 'tools.outcome_unknown' } }]);
    expect(scheduler.received).toHaveLength(1);

    ground.model.reset();
    answering('/jobs/late/rerun', '{"why":"locked"}', 'application/json', 500);
    const ended = await runEnded(member, await runOf(agent, [rerun.tool, { job: 'late', reason: 'x' }]));
    expect(toolSteps(ended)).toMatchObject([{ status: 'failed', failure: { code: 'http-tools.answered' } }]);
  });

  it('are felt by nobody else when they hang', async () => {
    const [own, theirs] = [await define(owner, jobStatus(scheduler)), await define(stranger, jobStatus(scheduler))];
    const held: ServerResponse[] = [];
    scheduler.answers.set('/jobs/hang/status?verbose=1', (response) => void held.push(response));
    const calls = Array.from({ length: 8 }, () => tryOut(own, { job: 'hang' }));
    await eventually('the calls hang', () => Promise.resolve(held.length === 8));

    expect((await owner.api.refused(429, 'POST', `/v1/http-tools/${own.id}/test`, { body: { arguments: { job: 'more' } } })).code).toBe(
      'http-tools.busy',
    );
    expect(await tryOut(theirs, { job: 'quick' }, stranger)).toMatchObject({ status: 200 });
    for (const response of held) response.destroy();
    for (const one of await Promise.all(calls)) expect(one).toMatchObject({ status: null, failure: { code: 'http-tools.failed' } });
    expect(await tryOut(own, { job: 'quick' })).toMatchObject({ status: 200 });
  });
});
