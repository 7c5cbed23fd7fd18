import { randomUUID } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Approval } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { systemContext } from '@atrium/platform/tenancy';
import { newColleague, newOrganization, type Person } from '../../../test/lib/api.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { ApprovalsService } from './approvals.service.js';

let app: NestFastifyApplication;
let close: () => Promise<void>;
beforeAll(async () => ({ app, close } = await openTestApp()));
afterAll(() => close());

const ORDER = { url: 'https://supplier.example/orders', body: { amount: 3, currency: 'EUR' } };
const ctxOf = ({ organization }: Person) => systemContext(organization.id, 'approvals-spec');

const ask = (person: Person, assignees: Person[], more: { requestKey?: string; seconds?: number } = {}) =>
  app.get(Db).inOrg(ctxOf(person), (tx) =>
    app.get(ApprovalsService, { strict: false }).request(tx, ctxOf(person), {
      requestKey: more.requestKey ?? randomUUID(),
      kind: 'tool_call',
      subject: { kind: 'agent_run', id: randomUUID() },
      message: 'May I order?',
      arguments: ORDER,
      assignees: assignees.map(({ user }) => user.id),
      expiresAt: new Date(Date.now() + (more.seconds ?? 60) * 1_000),
    }),
  );
const take = (person: Person, { id }: Approval, args: object = ORDER) =>
  app.get(Db).inOrg(ctxOf(person), (tx) => app.get(ApprovalsService, { strict: false }).take(tx, ctxOf(person), id, args as never));
const approve = ({ api }: Person, { id }: Approval) => api.post<Approval>(`/v1/approvals/${id}/approve`);

describe('an approval', () => {
  it('holds for exactly the arguments that were asked about, and once', async () => {
    const owner = await newOrganization();
    const approval = await ask(owner, [owner]);
    expect((await take(owner, approval)).status).toBe('pending');
    await approve(owner, approval);

    for (const changed of [{ ...ORDER, body: { amount: 30, currency: 'EUR' } }, { ...ORDER, extra: null }, {}])
      await expect(take(owner, approval, changed)).rejects.toMatchObject({ code: 'approvals.arguments_changed' });
    // The same arguments in another order of keys.
    expect((await take(owner, approval, { body: { currency: 'EUR', amount: 3 }, url: ORDER.url })).status).toBe('approved');
    await expect(take(owner, approval)).rejects.toMatchObject({ code: 'approvals.used' });
  });

  it('is decided once, however many decide at once', async () => {
    const owner = await newOrganization();
    const colleague = await newColleague(owner);
    const approval = await ask(owner, [owner, colleague]);
    const decide = [
      approve(owner, approval),
      colleague.api.post<Approval>(`/v1/approvals/${approval.id}/reject`, { comment: 'No.' }),
      approve(colleague, approval),
      owner.api.post<Approval>(`/v1/approvals/${approval.id}/reject`),
    ];

    const made = (await Promise.allSettled(decide)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(made).toHaveLength(1);
    expect(await owner.api.get(`/v1/approvals/${approval.id}`)).toEqual(made[0]);
    expect((await owner.api.refused(409, 'POST', `/v1/approvals/${approval.id}/approve`)).code).toBe('approvals.already_decided');
  });

  it('that nobody decided in time is over, for who decides and for who acts', async () => {
    const owner = await newOrganization();
    const approval = await ask(owner, [owner], { seconds: -1 });

    expect((await owner.api.refused(409, 'POST', `/v1/approvals/${approval.id}/approve`)).code).toBe('approvals.expired');
    expect((await take(owner, approval)).status).toBe('expired');
    expect((await owner.api.get<Approval>(`/v1/approvals/${approval.id}`)).status).toBe('expired');
  });

  it('that is asked for again under its key is the first one, and is not another organization’s', async () => {
    const [owner, stranger] = [await newOrganization(), await newOrganization()];
    const first = await ask(owner, [owner], { requestKey: 'order-1' });

    expect(await ask(owner, [owner], { requestKey: 'order-1' })).toEqual(first);
    expect((await ask(stranger, [stranger], { requestKey: 'order-1' })).id).not.toBe(first.id);
    await expect(take(stranger, first)).rejects.toMatchObject({ code: 'approvals.not_found' });
  });
});
