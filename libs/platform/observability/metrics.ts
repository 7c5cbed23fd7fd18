import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** Prometheus metrics of one process. Labels are bounded: route patterns and codes, never ids. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests = this.histogram('atrium_http_request_seconds', 'Time to answer a request.', ['method', 'route', 'status']);
  readonly transactions = this.histogram('atrium_db_transaction_seconds', 'Time of a database transaction.', ['role']);
  readonly slowTransactions = this.counter('atrium_db_slow_transactions_total', 'Transactions that took longer than a second.', []);
  readonly events = this.counter('atrium_events_appended_total', 'Events appended by this process.', ['type']);
  readonly setAside = this.gauge('atrium_events_set_aside', 'Events that their subscriber could not take: of all processes.', [
    'subscriber',
  ]);
  readonly sockets = this.gauge('atrium_realtime_connections', 'Open live connections.', ['transport']);
  readonly slowReaders = this.counter('atrium_realtime_slow_readers_total', 'Connections cut because they did not read.', []);
  readonly ingestions = this.counter('atrium_documents_ingested_total', 'Documents that ended their ingestion.', ['status']);
  readonly embedded = this.counter('atrium_search_embedded_total', 'Searchable units that received their vectors.', []);
  readonly modelTokens = this.counter('atrium_model_tokens_total', 'Tokens of the model, as billed.', ['direction']);

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  countTokens({ inputTokens, outputTokens }: { inputTokens: number; outputTokens: number }): void {
    this.modelTokens.inc({ direction: 'input' }, inputTokens);
    this.modelTokens.inc({ direction: 'output' }, outputTokens);
  }

  private histogram<L extends string>(name: string, help: string, labelNames: L[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, registers: [this.registry], buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10] });
  }
  private counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }
  private gauge<L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
