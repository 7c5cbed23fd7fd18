import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Page, WebhookDelivery, WebhookWithSecret } from '@atrium/contracts';
import { eventually, newOrganization, type Person } from '../../../test/lib/api.js';
import { Receiver } from '../../../test/lib/receiver.js';
import { withClient } from '../../../test/lib/row-security.js';
import { testRun } from '../../../test/lib/run.js';
import { openTestApp } from '../../../test/lib/test-app.js';
import { DeliveryPruning } from './delivery-pruning.js';

const owned = (sql: string, values: unknown[]) => withClient(testRun().database.ownerUrl, (client) => client.query(sql, values));
const deliveriesOf = async ({ api }: Person, { id }: { id: string }) =>
  (await api.get<Page<WebhookDelivery>>(`/v1/webhooks/${id}/deliveries`, { limit: 200 })).data;

describe('the deliveries of a webhook', () => {
  let app: NestFastifyApplication;
  let close: () => Promise<void>;
  let receiver: Receiver;
  let owner: Person;
  let webhook: WebhookWithSecret;
  beforeAll(async () => {
    ({ app, close } = await openTestApp());
    receiver = await Receiver.start();
  });
  afterAll(async () => {
    await close();
    await receiver.stop();
  });
  beforeEach(async () => {
    owner = await newOrganization();
    webhook = await owner.api.post<WebhookWithSecret>('/v1/webhooks', { name: 'Hook', url: receiver.baseUrl, events: ['tasks.*'] });
  });
  const newTask = () => owner.api.post('/v1/tasks', { title: 'Task' });
  const settled = (count: number) =>
    eventually(`${count} deliveries`, async () => {
      const found = await deliveriesOf(owner, webhook);
      return found.length === count && found.every(({ status }) => status !== 'pending') && found;
    });

  it('are sent once each by two processes, and go after 30 days', async () => {
    for (let count = 0; count < 20; count++) await newTask();
    const found = await settled(20);
    expect(found.every(({ attempt, status }) => attempt === 1 && status === 'succeeded')).toBe(true);

    const [old, ...kept] = found.map(({ id }) => id);
    await owned(`UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE id = $1`, [old]);
    await app.get(DeliveryPruning).prune();

    expect((await deliveriesOf(owner, webhook)).map(({ id }) => id)).toEqual(kept);
  });

  it('are written down as failed when 10,000 wait, and can be replayed', async () => {
    await owned(
      `INSERT INTO webhook_deliveries (org_id, id, webhook_id, event_id, event_seq, event_type, status, attempt, next_attempt_at, created_at, updated_at)
       SELECT $1, gen_random_uuid(), $2, gen_random_uuid(), 1, 'tasks.created', 'pending', 1, now() + interval '1 day', now() - interval '1 day', now()
       FROM generate_series(1, 10000)`,
      [owner.organization.id, webhook.id],
    );
    await newTask();

    const failed = await eventually('the one too many', async () =>
      (await owner.api.get<Page<WebhookDelivery>>(`/v1/webhooks/${webhook.id}/deliveries`, { status: 'failed' })).data.at(0),
    );
    expect(failed).toMatchObject({ attempt: 0, failure: 'backlog', nextAttemptAt: null });
    await owner.api.post(`/v1/webhooks/${webhook.id}/deliveries/${failed.id}/replay`);
    await eventually('it has arrived', () =>
      Promise.resolve(receiver.received.some(({ headers }) => headers['webhook-id'] === failed.eventId)),
    );
  });
});
