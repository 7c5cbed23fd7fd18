import { arbitraryRequests } from '../lib/fuzz-campaign.js';
import { dropClusters } from '../lib/postgres.js';
import { startTestApp } from '../lib/server.js';
import { type Mode, MODES, newGround } from './ground.js';

const REQUESTS = Number(process.env['FUZZ'] ?? 10_000);

afterAll(dropClusters);

describe.each<Mode>(MODES)('FZ1: arbitrary requests (%s)', (mode) => {
  it(`get ${REQUESTS} answers as documented, none of them a fault`, async () => {
    const ground = await newGround(mode);
    const app = await startTestApp(ground);
    process.env['ATRIUM_TEST_RUN'] = JSON.stringify(app.run);
    await arbitraryRequests(REQUESTS, app.run.baseUrl);
    delete process.env['ATRIUM_TEST_RUN'];
    await app.stop();
    await ground.remove();
  }, 1_200_000);
});
