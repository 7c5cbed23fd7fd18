import { join } from 'node:path';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { type Embedder, Embeddings, EndpointEmbedder, ModelGateway, OnnxEmbedder } from '@atrium/platform/ai';
import { Cipher, CONFIG, type Config, deriveKey } from '@atrium/platform/config';
import { type Database, Db, Upkeep } from '@atrium/platform/db';
import { DurableModule } from '@atrium/platform/durable';
import { EventsModule } from '@atrium/platform/events';
import { HttpModule } from '@atrium/platform/http';
import { McpModule } from '@atrium/platform/mcp';
import { Log, Metrics } from '@atrium/platform/observability';
import { RealtimeModule } from '@atrium/platform/realtime';
import { SearchModule } from '@atrium/platform/search';
import { BLOBS, LocalBlobStore } from '@atrium/platform/storage';
import { Revocations } from '@atrium/platform/tenancy';
import { ToolsModule } from '@atrium/platform/tools';

/** What every feature stands on, made once per process from the settings and the database. */
@Global()
@Module({})
export class PlatformModule {
  static with(config: Config, database: Database, log: Log): DynamicModule {
    const metrics = new Metrics();
    const db = new Db({
      appUrl: database.appUrl,
      systemUrl: database.systemUrl,
      poolSize: config.DATABASE_POOL,
      cipher: new Cipher(deriveKey(config.encryptionKey.reveal(), 'stored results')),
      log,
      metrics,
    });
    return {
      module: PlatformModule,
      imports: [EventsModule, DurableModule, HttpModule, RealtimeModule, SearchModule, ToolsModule, McpModule],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: Log, useValue: log },
        { provide: Metrics, useValue: metrics },
        { provide: Db, useValue: db },
        Upkeep,
        { provide: BLOBS, useFactory: () => new LocalBlobStore(join(config.DATA_DIR, 'blobs')) },
        { provide: ModelGateway, useFactory: () => new ModelGateway(modelOptions(config, metrics)) },
        { provide: Embeddings, useFactory: async () => new Embeddings(await embedderOf(config)) },
        Revocations,
      ],
      exports: [CONFIG, Log, Metrics, Db, Upkeep, BLOBS, ModelGateway, Embeddings, Revocations],
    };
  }
}

/** Null: the built-in one. @throws EmbedderFolderBroken */
async function embedderOf(config: Config): Promise<Embedder | null> {
  if (config.EMBEDDINGS_FOLDER) return OnnxEmbedder.open(config.EMBEDDINGS_FOLDER);
  if (!config.EMBEDDINGS_BASE_URL) return null;
  return new EndpointEmbedder({
    baseUrl: config.EMBEDDINGS_BASE_URL,
    protocol: config.EMBEDDINGS_PROTOCOL,
    apiKey: config.embeddingsApiKey,
    model: config.EMBEDDINGS_MODEL,
  });
}

function modelOptions(config: Config, metrics: Metrics) {
  if (!config.LLM_BASE_URL) return null;
  return {
    baseUrl: config.LLM_BASE_URL,
    apiKey: config.llmApiKey,
    model: config.LLM_MODEL,
    onUsage: (usage: { inputTokens: number; outputTokens: number }) => metrics.countTokens(usage),
  };
}
