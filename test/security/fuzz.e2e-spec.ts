import { arbitraryRequests } from '../lib/fuzz-campaign.js';
import { testRun } from '../lib/run.js';
import { openTestApp } from '../lib/test-app.js';

const REQUESTS = 1_000;

describe('arbitrary requests', () => {
  it(`get ${REQUESTS} answers as documented, none of them a fault (FZ1)`, async () => {
    // In this process, so that a polluted prototype is seen.
    const { app, close } = await openTestApp();
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    const prototype = Object.getOwnPropertyNames(Object.prototype).join();
    try {
      await arbitraryRequests(REQUESTS, testRun().baseUrl, `http://127.0.0.1:${port}`);

      expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(prototype);
      expect((await fetch(`${testRun().baseUrl}/readyz`)).status).toBe(200);
    } finally {
      await close();
    }
  }, 300_000);
});
