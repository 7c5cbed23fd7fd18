import type { Document } from '@atrium/contracts';
import { anonymous, eventually, newOrganization } from '../lib/api.js';
import { dropClusters } from '../lib/postgres.js';
import { withClient } from '../lib/row-security.js';
import { startTestApp } from '../lib/server.js';
import { type Ground, type Mode, MODES, newGround } from './ground.js';

interface HealthAnswer {
  status: string;
  components: Record<string, string>;
  details: Record<string, Record<string, number>>;
}

afterAll(() => dropClusters());

describe.each<Mode>(MODES)('durable work cannot be started for longer than a subscriber tries (%s)', (mode) => {
  let ground: Ground;
  let app: Awaited<ReturnType<typeof startTestApp>>;
  beforeAll(async () => {
    ground = await newGround(mode);
    app = await startTestApp(ground);
  });
  afterAll(async () => {
    await app.stop();
    await ground.remove();
  });

  const sql = (text: string) => withClient(app.run.database.ownerUrl, (client) => client.query(text));
  const health = () => anonymous(app.run.baseUrl).get<HealthAnswer>('/health');
  const gauge = async () =>
    /^atrium_events_set_aside\{subscriber="documents\.ingest"\} (\d+)$/m.exec(
      await (await fetch(`${app.run.baseUrl}/metrics`)).text(),
    )?.[1];

  it('says so while events are set aside, and a document goes on by itself afterwards', async () => {
    const { api } = await newOrganization('Acme', app.run.baseUrl);
    await sql('ALTER TABLE dbos.workflow_status RENAME TO workflow_status_away');
    const { id } = await api.post<Document>('/v1/documents', { title: 'Plan', text: 'The plan of the year.' });

    // As if the two minutes had passed for which the subscriber tries.
    await eventually('the event is set aside', async () => {
      await sql(`UPDATE event_cursors SET retry_at = now() WHERE subscriber = 'documents.ingest' AND holder IS NULL AND retry_at > now()`);
      return (await health()).details['events']?.['documents.ingest'] === 1;
    });
    expect(await health()).toMatchObject({ status: 'degraded', components: { events: 'degraded' } });
    expect(await gauge()).toBe('1');
    expect(await api.get<Document>(`/v1/documents/${id}`)).toMatchObject({ status: 'processing' });

    await sql('ALTER TABLE dbos.workflow_status_away RENAME TO workflow_status');
    await sql('UPDATE event_failures SET retry_at = now()');
    await eventually('it is ready', async () => (await api.get<Document>(`/v1/documents/${id}`)).status === 'ready');
    await eventually('nothing is set aside any more', async () => (await health()).components['events'] === 'up');
    expect(await gauge()).toBeUndefined();
  }, 180_000);
});
