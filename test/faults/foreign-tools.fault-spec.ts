import { type AgentGround, newAgent, newAgentGround, runEnded, runWaits, startRun, toolSteps } from '../lib/agents.js';
import { eventually, newColleague, type Person } from '../lib/api.js';
import { ForeignMcp } from '../lib/foreign-mcp.js';
import { define, jobStatus, rerunJob } from '../lib/http-tools.js';
import { hanging, newAllowed, runStep, workflowEnded } from '../lib/mcp-servers.js';
import { killServers, type Server } from '../lib/server.js';
import { type Ground, newGround } from './ground.js';

let foreign: ForeignMcp;
let ground: Ground;
let company: AgentGround;
let server: Server;
let owner: Person;
let member: Person;
beforeAll(async () => {
  foreign = await ForeignMcp.start();
  ground = await newGround('embedded', { OUTBOUND_ALLOW: '127.0.0.1' });
  server = await ground.serve();
  company = await newAgentGround(ground.baseUrl);
  owner = await company.newOrganization('Tools');
  member = await newColleague(owner);
}, 180_000);
afterAll(async () => {
  await killServers();
  await Promise.all([company.stop(), foreign.stop(), ground.remove()]);
});
beforeEach(() => {
  company.model.reset();
  foreign.tools = [hanging()];
  foreign.calls.length = 0;
});

describe('tools of other MCP servers', () => {
  it('are called once for a key, over a kill -9 in the middle of the call', async () => {
    foreign.tools = [hanging()];
    const { tool } = await newAllowed(owner, foreign, 'writes');
    const agent = await newAgent(owner, { tools: [tool.tool] });
    company.model.script({ kind: 'call', calls: [{ tool: tool.tool, arguments: { text: 'hang' } }] });
    const [run, workflow] = [await startRun(member, agent), await runStep(member, tool.tool, { text: 'hang' })];
    await eventually('both calls hang', () => Promise.resolve(foreign.calls.length === 2), 30_000);
    await server.kill();
    server = await ground.serve();

    expect(toolSteps(await runWaits(member, run, 60_000))).toMatchObject([
      { status: 'outcome_unknown', failure: { code: 'tools.outcome_unknown' } },
    ]);
    expect(await workflowEnded(member, workflow, 60_000)).toMatchObject({ status: 'failed', failure: { code: 'tools.outcome_unknown' } });
    expect(foreign.calls).toHaveLength(2);
  }, 240_000);

  it('are waited for 30 seconds, and a tool that only reads has failed then', async () => {
    const { tool } = await newAllowed(owner, foreign, 'reads');
    const agent = await newAgent(owner, { tools: [tool.tool] });
    company.model.script({ kind: 'call', calls: [{ tool: tool.tool, arguments: { text: 'hang' } }] }, { kind: 'text', text: 'Done.' });
    const run = await runEnded(member, await startRun(member, agent), 90_000);

    expect(run.status).toBe('succeeded');
    expect(toolSteps(run)).toMatchObject([
      { status: 'failed', failure: { code: 'mcp-servers.failed', message: expect.stringContaining('within 30 seconds') as string } },
    ]);
  }, 120_000);
});

describe('HTTP tools', () => {
  it('are called once for a key, over a kill -9 in the middle of the call', async () => {
    const { receiver } = company;
    const { tool } = await define(owner, rerunJob(receiver, { effect: 'writes' }));
    receiver.answers.set('/jobs/load/rerun', () => undefined);
    const agent = await newAgent(owner, { tools: [tool] });
    company.model.script({ kind: 'call', calls: [{ tool, arguments: { job: 'load', reason: 'Again.' } }] });
    const run = await startRun(member, agent);
    await eventually('the call hangs', () => Promise.resolve(receiver.received.length === 1), 30_000);
    await server.kill();
    server = await ground.serve();

    expect(toolSteps(await runWaits(member, run, 60_000))).toMatchObject([
      { status: 'outcome_unknown', failure: { code: 'tools.outcome_unknown' } },
    ]);
    expect(receiver.received).toHaveLength(1);
  }, 240_000);

  it('are waited for 30 seconds, however slowly the system goes on answering', async () => {
    const { receiver } = company;
    const { tool } = await define(owner, jobStatus(receiver));
    receiver.answers.set('/jobs/load/status?verbose=1', (response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const drops = setInterval(() => response.write('.'), 200);
      response.on('close', () => clearInterval(drops));
    });
    const agent = await newAgent(owner, { tools: [tool] });
    company.model.script({ kind: 'call', calls: [{ tool, arguments: { job: 'load' } }] }, { kind: 'text', text: 'Done.' });
    const run = await runEnded(member, await startRun(member, agent), 90_000);

    expect(toolSteps(run)).toMatchObject([
      { status: 'failed', failure: { code: 'http-tools.failed', message: expect.stringContaining('within 30 seconds') as string } },
    ]);
  }, 120_000);
});
