import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { INestApplicationContext } from '@nestjs/common';
import { type Config, VERSION } from '@atrium/platform/config';
import { assertBootable, BootRefused, type Database, Db } from '@atrium/platform/db';
import { Durable, Reaper } from '@atrium/platform/durable';
import { Dispatcher } from '@atrium/platform/events';
import { Health, measureRequests, openApiDocument, prepareEdge, refuseUrl, serveReference, serverOptions } from '@atrium/platform/http';
import { Log, Metrics } from '@atrium/platform/observability';
import { undeclaredRoutes } from '@atrium/platform/tenancy';
import { AppModule } from './app.module.js';
import { NestLog } from './nest-log.js';

/**
 * The app on an open database, ready to listen. Refuses when a route declares no access or the database is not as it must be.
 * @throws BootRefused
 */
export async function createApp(config: Config, database: Database, log: Log): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    trustProxy: config.TRUSTED_PROXIES.length > 0 ? config.TRUSTED_PROXIES : false,
    // Those that wait for an answer get it first.
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    bodyLimit: 2 ** 20,
    frameworkErrors: refuseUrl,
    ...serverOptions(config),
  });
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.with(config, database, log), adapter, {
    bodyParser: false,
    abortOnError: false,
    logger: new NestLog(log),
  });
  try {
    await prepareEdge(app, config);
    measureRequests(app.getHttpAdapter().getInstance(), app.get(Metrics), log);
    serveReference(app, () => openApiDocument(app, VERSION));
    // Which subscribers could not take how many events.
    app.get(Health).register('events', () => app.get(Dispatcher).setAside);
    await app.init();
    const undeclared = undeclaredRoutes(app);
    if (undeclared.length > 0)
      throw new BootRefused(undeclared.map((route) => `${route} declares none of @Requires, @SignedIn and @Public`));
    await startWork(app, database, config);
    return app;
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
}

/** The same without HTTP: a process that only does durable work, subscribers and sweeps. */
export async function createWorker(config: Config, database: Database, log: Log): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(AppModule.with(config, database, log), {
    abortOnError: false,
    logger: new NestLog(log),
  });
  await startWork(app, database, config);
  return app;
}

async function startWork(app: INestApplicationContext, database: Database, config: Config): Promise<void> {
  await assertBootable(app.get(Db), database, config);
  await app.get(Durable).launch(database.durableUrl);
  await app.get(Reaper).start(database.mode === 'embedded');
}

/** Ends in order: no new work, no new requests while what was begun comes to its end, then the connections. */
export async function closeApp(app: NestFastifyApplication | INestApplicationContext, database: Database): Promise<void> {
  await app.get(Reaper).stop();
  await app.get(Durable).stop();
  const requests = 'getHttpAdapter' in app ? app.getHttpAdapter().getInstance().close() : Promise.resolve();
  await Promise.all([requests, app.close()]);
  await app.get(Db).close();
  await database.stop();
}
