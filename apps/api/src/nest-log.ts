import type { LoggerService } from '@nestjs/common';
import type { Log } from '@atrium/platform/observability';

/** Nest's own lines, in our log: warnings and errors only. */
export class NestLog implements LoggerService {
  constructor(private readonly sink: Log) {}

  log(): void {}
  verbose(): void {}
  debug(): void {}
  warn(message: unknown): void {
    this.sink.warn(String(message).slice(0, 300));
  }
  error(message: unknown, stack?: unknown): void {
    this.sink.error(String(message).slice(0, 300), typeof stack === 'string' ? { stack: stack.slice(0, 1_000) } : {});
  }
  fatal(message: unknown): void {
    this.sink.fatal(String(message).slice(0, 300));
  }
}
