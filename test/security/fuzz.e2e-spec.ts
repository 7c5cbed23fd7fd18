import { randomBytes } from 'node:crypto';
import type { SignedIn } from '@atrium/contracts';
import { anonymous, type Person } from '../lib/api.js';
import { fuzz, type FuzzActor } from '../lib/fuzz.js';
import { newTenant } from '../lib/matrix.js';
import { openApi } from '../lib/openapi.js';
import { testRun } from '../lib/run.js';
import { openTestApp } from '../lib/test-app.js';

const REQUESTS = Number(process.env['FUZZ'] ?? 1_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_121);

/** A person that signs in again when the session was ended; who was removed or suspended meanwhile stays away. */
const actor = ({ accessToken, email, password }: Person): FuzzActor => ({
  token: accessToken,
  renew: async () => {
    const { body } = await anonymous().call<SignedIn>('POST', '/v1/auth/login', { body: { email, password } });
    return body.accessToken ?? 'removed';
  },
});

describe('arbitrary requests', () => {
  it(
    `get ${REQUESTS} answers as documented, none of them a fault (FZ1)`,
    async () => {
      const { app, close } = await openTestApp();
      await app.listen(0, '127.0.0.1');
      const { port } = app.getHttpServer().address() as { port: number };
      const tenant = await newTenant(`fuzz${randomBytes(4).toString('hex')}`);
      const prototype = Object.getOwnPropertyNames(Object.prototype).join();
      try {
        const report = await fuzz({
          baseUrl: `http://127.0.0.1:${port}`,
          document: await openApi(),
          actors: [
            actor(tenant.owner),
            actor(tenant.owner),
            actor(tenant.owner),
            actor(tenant.admin),
            actor(tenant.member),
            actor(tenant.guest),
            { token: tenant.agentKey.token ?? '', renew: () => Promise.resolve(tenant.agentKey.token ?? '') },
          ],
          ids: [tenant.channel.id, tenant.message.id, tenant.document.id, tenant.member.user.id, tenant.agentId, tenant.orgId],
          requests: REQUESTS,
          seed: SEED,
        });

        process.stdout.write(`seed ${SEED}: ${JSON.stringify({ ...report, perOperation: undefined, findings: report.findings.length })}\n`);
        expect(report.findings.slice(0, 20)).toEqual([]);
        expect(report.sent).toBeGreaterThanOrEqual(REQUESTS);
        expect(Math.min(...Object.values(report.perOperation))).toBeGreaterThanOrEqual(5);
        expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(prototype);
        expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
        expect((await fetch(`${testRun().baseUrl}/readyz`)).status).toBe(200);
      } finally {
        await close();
      }
    },
    Math.max(300_000, REQUESTS * 90),
  );
});
