import { pino, type Logger } from 'pino';
import { requestScope } from './request-scope.js';

/** What a log line may hold beside its sentence. Objects are never logged: an allow-list cannot leak what nobody thought of. */
const FIELDS = [
  'requestId',
  'orgId',
  'method',
  'route',
  'status',
  'code',
  'durationMs',
  'count',
  'seq',
  'subscriber',
  'kind',
  'id',
  'executor',
  'attempt',
  'reason',
  'port',
  'pid',
  'mode',
  'error',
  'stack',
  'component',
  'bytes',
  'sql',
] as const;
export type LogFields = Partial<Record<(typeof FIELDS)[number], string | number | boolean | null>>;
type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug';

/** Structured log lines (JSON on stdout), each with the request id of the work that wrote it. */
export class Log {
  private readonly logger: Logger;

  constructor(level: string) {
    this.logger = pino(
      { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      pino.destination({ fd: 1, sync: true }),
    );
  }

  fatal(sentence: string, fields?: LogFields): void {
    this.write('fatal', sentence, fields);
  }
  error(sentence: string, fields?: LogFields): void {
    this.write('error', sentence, fields);
  }
  warn(sentence: string, fields?: LogFields): void {
    this.write('warn', sentence, fields);
  }
  info(sentence: string, fields?: LogFields): void {
    this.write('info', sentence, fields);
  }
  debug(sentence: string, fields?: LogFields): void {
    this.write('debug', sentence, fields);
  }

  /** A fault of ours: its message and stack, without the values that drivers attach to errors. */
  fault(sentence: string, error: unknown, fields?: LogFields): void {
    const shown =
      error instanceof Error ? { error: `${error.name}: ${firstLine(error.message)}`, stack: stackOf(error) } : { error: typeof error };
    this.write('error', sentence, { ...fields, ...shown });
  }

  private write(level: Level, sentence: string, fields: LogFields = {}): void {
    const scope = requestScope.getStore();
    const kept: LogFields = scope ? { requestId: scope.requestId } : {};
    for (const name of FIELDS) if (fields[name] !== undefined) kept[name] = fields[name];
    this.logger[level](kept, sentence);
  }
}

const firstLine = (text: string) => text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
const stackOf = (error: Error) =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 8)
    .map((line) => line.trim())
    .join(' | ');
