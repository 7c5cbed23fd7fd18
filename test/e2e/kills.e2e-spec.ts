import { rmSync } from 'node:fs';
import type { AuditVerification } from '@atrium/contracts';
import { eventually } from '../lib/api.js';
import { Burst, newCrowd } from '../lib/burst.js';
import { startFakeModel } from '../lib/fake-model.js';
import { newDataDir } from '../lib/own-database.js';
import { answered, answersTo, ask, channelWithAssistant, chunkCount, finished, longText, upload } from '../lib/recovery.js';
import { freePort, killServers, Server } from '../lib/server.js';

const dataDir = newDataDir('kills');
afterAll(async () => {
  await killServers();
  rmSync(dataDir, { recursive: true, force: true });
});

describe('three kills with -9 on embedded data', () => {
  it('lose no message, no document and no answer', async () => {
    const model = await startFakeModel();
    const port = await freePort();
    const serve = () => Server.start({ dataDir, port, environment: { LLM_BASE_URL: model.baseUrl, LLM_MODEL: 'fake' } });
    let server = await serve();
    const crowd = await newCrowd(server.baseUrl, 4);
    const { owner } = crowd;
    const text = longText(40);
    const reference = await upload(owner.api, text);
    expect((await finished(owner.api, reference.id)).status).toBe('ready');
    const channel = await channelWithAssistant(owner);
    const burst = new Burst([crowd], 150);

    // Among the first messages, then while a document is read, then in the middle of an answer.
    await eventually('some messages', async () => burst.acknowledged.size > 30);
    await server.kill();
    server = await serve();
    const document = await upload(owner.api, text);
    await server.kill();
    server = await serve();
    model.script({ kind: 'text', text: 'Tomatoes are grown here, said slowly. '.repeat(20), delayMs: 50 });
    const question = await ask(owner.api, channel, 'How are tomatoes grown?');
    await eventually('the answer is being written', async () => (await answersTo(owner.api, question))[0]?.status === 'streaming');
    await server.kill();
    server = await serve();
    await burst.done();

    expect(burst.surprises).toEqual([]);
    expect(burst.acknowledged.size).toBe(150);
    expect((await finished(owner.api, document.id)).status).toBe('ready');
    expect(await chunkCount(owner.api, document.id)).toBe(await chunkCount(owner.api, reference.id));
    expect((await answered(owner.api, question)).status).toBe('complete');
    expect(await answersTo(owner.api, question)).toHaveLength(1);
    const sealed = await eventually('the log is sealed', async () => {
      const verdict = await owner.api.get<AuditVerification>('/v1/audit/verify');
      return verdict.count === verdict.sealedCount && verdict;
    });
    expect(sealed).toMatchObject({ valid: true, reason: null });
    const { body, id } = [...burst.acknowledged.values()][0] ?? {};
    expect(await owner.api.get(`/v1/messages/${id}`)).toMatchObject({ id, body });
    await server.kill();
    await model.stop();
  }, 180_000);
});
