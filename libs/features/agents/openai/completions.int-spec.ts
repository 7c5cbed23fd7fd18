import { once } from 'node:events';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Authenticator, type OrgContext } from '@atrium/platform/tenancy';
import { eventually, newOrganization, type Person } from '../../../../test/lib/api.js';
import { type FakeModel, startFakeModel } from '../../../../test/lib/fake-model.js';
import { openTestApp } from '../../../../test/lib/test-app.js';
import { CompletionsService } from './completions.service.js';

let model: FakeModel;
let app: NestFastifyApplication;
let close: () => Promise<void>;
beforeAll(async () => {
  model = await startFakeModel();
  ({ app, close } = await openTestApp({ LLM_BASE_URL: model.baseUrl, LLM_MODEL: 'fake' }));
});
afterAll(async () => {
  await close();
  await model.stop();
});

/** The application has a tool of its own, so that the model is asked although nothing is found. */
const TOOL = { type: 'function' as const, function: { name: 'weather' } };
const contextOf = ({ accessToken }: Person): Promise<OrgContext> => {
  const caller = { requestId: 'completions-spec', ip: null, userAgent: null, idempotency: null, ifMatch: null };
  return app.get(Authenticator).authenticate(accessToken, caller);
};

it('cuts readers that take nothing, and gives their places to others', async () => {
  const ctx = await contextOf(await newOrganization());
  const service = app.get(CompletionsService, { strict: false });
  const open = (signal = new AbortController().signal) =>
    service.stream(ctx, { model: 'assistant', messages: [{ role: 'user', content: 'Zzyzx?' }], tools: [TOOL], stream: true }, signal);
  model.always({ kind: 'endless' });

  const slow = await Promise.all(Array.from({ length: 8 }, () => open()));
  const cut = slow.map((body) => once(body, 'close'));
  await expect(open()).rejects.toMatchObject({ code: 'request.rate_limited' });
  await Promise.all(cut);

  const gone = new AbortController();
  const next = await eventually('a place', () => open(gone.signal).catch(() => null));
  next.destroy();
  gone.abort(new Error('the client has gone'));
}, 60_000);
