import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { CreatedInvitation } from '@atrium/contracts';
import { Authenticator, type Caller } from '@atrium/platform/tenancy';
import { newOrganization } from '../../../test/lib/api.js';
import { testRun } from '../../../test/lib/run.js';
import { openTestApp } from '../../../test/lib/test-app.js';

const from: Caller = { requestId: 'test', ip: null, userAgent: null, idempotency: null, ifMatch: null };

/** Another process on the run's database, with other settings; one at a time. */
async function elsewhere<T>(environment: Record<string, string>, look: (app: NestFastifyApplication) => Promise<T>): Promise<T> {
  const { app, close } = await openTestApp(environment);
  try {
    return await look(app);
  } finally {
    await close();
  }
}

describe('settings of organizations', () => {
  it('accept access tokens of the secret before while it is listed, and none of a secret that is gone', async () => {
    const { accessToken, user } = await newOrganization();
    const before = process.env['JWT_SECRET'] ?? readFileSync(join(testRun().dataDir, 'secrets', 'jwt-secret'), 'utf8').trim();
    const after = randomBytes(48).toString('base64url');
    const authenticate = (app: NestFastifyApplication) => app.get(Authenticator).authenticate(accessToken, from);

    const during = await elsewhere({ JWT_SECRET: `${after},${before}` }, authenticate);

    expect(during.principal.id).toBe(user.id);
    await expect(elsewhere({ JWT_SECRET: after }, authenticate)).rejects.toMatchObject({ code: 'auth.invalid_token' });
  });

  it.each(['invite', 'closed'])('close registration to strangers where it is %s, but let the invited in', async (REGISTRATION) => {
    const owner = await newOrganization();
    const { token } = await owner.api.post<CreatedInvitation>('/v1/invitations', { email: `${randomUUID()}@example.com` });
    const stranger = { email: `${randomUUID()}@example.com`, password: 'a long password', displayName: 'S', organizationName: 'S' };
    const invited = { token, password: 'a long password', displayName: 'Ina', transport: 'cookie' };

    const [closed, accepted] = await elsewhere({ REGISTRATION, PUBLIC_URL: 'https://atrium.example.com' }, async (app) => [
      await app.inject({ method: 'POST', url: '/v1/auth/register', payload: stranger }),
      await app.inject({ method: 'POST', url: '/v1/invitations/accept', payload: invited }),
    ]);

    expect(closed?.json()).toMatchObject({ status: 403, code: 'auth.registration_closed' });
    expect(accepted?.statusCode).toBe(201);
    const cookie = /^__Host-atrium_refresh=[\w-]+; Max-Age=2592000; Path=\/; HttpOnly; Secure; SameSite=Strict$/;
    expect(accepted?.headers['set-cookie']).toMatch(cookie);
  });
});
