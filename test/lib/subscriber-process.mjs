// One process with one subscriber, on the database of its argument. It tells its parent what it hears of one organization, before; the event
// with the seq `kills` is the end of it, without a word, as when memory runs out.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const dist = (path) => import(pathToFileURL(join(process.cwd(), 'dist/libs/platform', path)).href);
const { Cipher } = await dist('config/index.js');
const { Db } = await dist('db/index.js');
const { Events, OnEvent } = await dist('events/index.js');
const { Dispatcher } = await dist('events/dispatcher.js');
const { Log, Metrics } = await dist('observability/index.js');

const { appUrl, systemUrl, subscriber, orgId, kills } = JSON.parse(process.argv[2]);

class Probe {
  async hear(ctx, { seq }) {
    if (ctx.orgId !== orgId) return;
    await new Promise((resolve) => process.send(seq, resolve));
    if (seq === kills) process.kill(process.pid, 'SIGKILL');
  }
}
OnEvent(subscriber, 'documents.uploaded')(Probe.prototype, 'hear', Object.getOwnPropertyDescriptor(Probe.prototype, 'hear'));

const metrics = new Metrics();
const log = new Log('silent');
const db = new Db({ appUrl, systemUrl, poolSize: 2, cipher: new Cipher(Buffer.alloc(32)), log, metrics });
new Dispatcher(db, new Events(metrics), log, { getProviders: () => [{ instance: new Probe() }] }, metrics).onApplicationBootstrap();
process.on('disconnect', () => process.exit(0));
