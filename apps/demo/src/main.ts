import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditVerification, Message, Page } from '@atrium/contracts';
import type { Client } from './client.js';
import { ServerProcess } from './server-process.js';
import { play, type StoryEnd } from './story.js';
import { tamperWithCopy } from './tampering.js';
import { bold, ClaimFailed, dim, Terminal } from './terminal.js';
import { agree, finishOrder } from './workflow-scene.js';
import { login, PEOPLE } from './workspace.js';

const keep = process.argv.includes('--keep');
const terminal = new Terminal();
const folder = mkdtempSync(join(tmpdir(), 'atrium-demo-'));
const dataDir = join(folder, 'data');
const running = new Set<ServerProcess>();

async function start(dir: string): Promise<ServerProcess> {
  // The supplier and the model of the story are on this machine.
  const server = await ServerProcess.start(dir, { OUTBOUND_ALLOW: '127.0.0.1' });
  running.add(server);
  return server;
}

async function stop(server: ServerProcess, signal?: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await server.stop(signal);
  running.delete(server);
}

async function demo(): Promise<void> {
  const startedAt = performance.now();
  terminal.chapter('Atrium: the main job, played in a terminal');
  terminal.say(dim('An empty folder, an embedded database, a free port. Nothing outside of it is touched.'));
  let server = await start(dataDir);
  terminal.say(`The server is ready at ${bold(server.baseUrl)} after ${(server.startMs / 1_000).toFixed(1)} s.`);
  const end = await play(terminal, server);

  terminal.chapter('9. A process killed twice');
  await stop(server, 'SIGKILL');
  server = await start(dataDir);
  await countMessages(await login(server.baseUrl, PEOPLE.olivia), server, end);
  await agree(terminal, await login(server.baseUrl, PEOPLE.ben), end.order);
  await stop(server, 'SIGKILL');
  server = await start(dataDir);
  await finishOrder(terminal, await login(server.baseUrl, PEOPLE.olivia), await login(server.baseUrl, PEOPLE.ben), end.order);

  terminal.chapter('10. A flipped byte');
  await stop(server);
  await findFlippedByte(end);

  terminal.chapter(`Done: ${terminal.checked} claims checked in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  if (keep) await leaveUp();
}

async function countMessages(olivia: Client, server: ServerProcess, end: StoryEnd): Promise<void> {
  const { data } = await olivia.get<Page<Message>>(`/v1/channels/${end.channelId}/messages?limit=200`);
  terminal.check(
    `killed with -9 and started again in ${(server.startMs / 1_000).toFixed(1)} s, all ${end.messages} messages are there`,
    data.length === end.messages,
    data.length,
  );
}

async function findFlippedByte(end: StoryEnd): Promise<void> {
  const copy = join(folder, 'copy');
  const seq = await tamperWithCopy(dataDir, copy, end.orgId);
  const server = await start(copy);
  const olivia = await login(server.baseUrl, PEOPLE.olivia);
  const verification = await olivia.get<AuditVerification>('/v1/audit/verify');
  await stop(server);
  terminal.check(
    `one byte flipped in record ${seq} of a copy: verify says “${verification.reason}”`,
    !verification.valid && verification.firstInvalidSeq === seq,
    verification,
  );
}

async function leaveUp(): Promise<void> {
  const server = await start(dataDir);
  terminal.say(`The server stays up at ${bold(server.baseUrl)} until you press Ctrl-C. API reference: ${server.baseUrl}/docs`);
  for (const { email, password } of Object.values(PEOPLE)) terminal.say(`${email}  ${dim(password)}`);
  process.once('SIGINT', () => void stop(server));
  await server.ended;
}

async function main(): Promise<void> {
  try {
    await demo();
  } catch (error) {
    process.stderr.write(`\n${error instanceof ClaimFailed ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
    process.exitCode = 1;
  } finally {
    for (const server of running) await server.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
