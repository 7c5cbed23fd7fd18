import { randomBytes } from 'node:crypto';
import type { SignedIn } from '@atrium/contracts';
import { anonymous, type Person } from './api.js';
import { fuzz, type FuzzActor, type FuzzReport } from './fuzz.js';
import { newTenant } from './matrix.js';
import { openApi } from './openapi.js';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_121);

/** A person that signs in again when the session was ended; who was removed or suspended meanwhile stays away. */
const actor = ({ accessToken, email, password, api: { baseUrl } }: Person): FuzzActor => ({
  token: accessToken,
  renew: async () => {
    const { body } = await anonymous(baseUrl).call<SignedIn>('POST', '/v1/auth/login', { body: { email, password } });
    return body.accessToken ?? 'removed';
  },
});

/** FZ1: so many arbitrary requests of all roles of a new organization. `app`: where its people sign in, `target`: where the requests go. */
export async function arbitraryRequests(requests: number, app: string, target = app): Promise<FuzzReport> {
  const tenant = await newTenant(`fuzz${randomBytes(4).toString('hex')}`, app);
  const report = await fuzz({
    baseUrl: target,
    document: await openApi(app),
    actors: [
      actor(tenant.owner),
      actor(tenant.owner),
      actor(tenant.owner),
      actor(tenant.admin),
      actor(tenant.member),
      actor(tenant.guest),
      { token: tenant.agentKey.token ?? '', renew: () => Promise.resolve(tenant.agentKey.token ?? '') },
    ],
    ids: [
      tenant.channel.id,
      tenant.message.id,
      tenant.document.id,
      tenant.memory.id,
      tenant.memory.namespaceId,
      tenant.member.user.id,
      tenant.agentId,
      tenant.orgId,
    ],
    requests,
    seed: SEED,
  });
  process.stdout.write(`seed ${SEED}: ${JSON.stringify({ ...report, perOperation: undefined, findings: report.findings.length })}\n`);
  expect(report.findings.slice(0, 20)).toEqual([]);
  expect(report.sent).toBeGreaterThanOrEqual(requests);
  expect(Math.min(...Object.values(report.perOperation))).toBeGreaterThanOrEqual(5);
  expect((await fetch(`${target}/readyz`)).status).toBe(200);
  return report;
}
