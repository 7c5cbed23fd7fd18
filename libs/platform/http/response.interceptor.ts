import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { map, type Observable } from 'rxjs';
import type { AtriumRequest } from '@atrium/platform/tenancy';
import { etagOf } from './etag.js';
import { EVENT_SEQ } from './page.js';

interface Answer {
  [EVENT_SEQ]?: number;
  updatedAt?: string;
  revision?: number;
}

/** Headers that follow from the answer: X-Event-Seq of a list, ETag of a resource, Idempotency-Replayed. */
@Injectable()
export class ResponseInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<AtriumRequest>();
    const reply = http.getResponse<FastifyReply>();
    return next.handle().pipe(
      map((answer: unknown) => {
        if (request.caller?.idempotency?.replayed) void reply.header('idempotency-replayed', 'true');
        if (typeof answer !== 'object' || answer === null || reply.raw.headersSent) return answer;
        const { [EVENT_SEQ]: seq, updatedAt, revision } = answer as Answer;
        if (seq !== undefined) void reply.header('x-event-seq', String(seq));
        if (updatedAt !== undefined) void reply.header('etag', etagOf({ updatedAt, ...(revision === undefined ? {} : { revision }) }));
        return answer;
      }),
    );
  }
}
