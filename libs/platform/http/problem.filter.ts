import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { MAX_ISSUE_TEXT, type ProblemPlace } from '@atrium/contracts';
import { DomainError, Invalid, NotFound, pointerTo, toProblem } from '@atrium/platform/errors';
import { Log } from '@atrium/platform/observability';
import type { AtriumRequest } from '@atrium/platform/tenancy';
import { OPENAI_PATH, openAiError } from './openai-error.js';

/** Every failure leaves as application/problem+json, for clients of the OpenAI API in the shape that they read; what we do not know leaves as 500 with the request id only. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<AtriumRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = known(thrown);
    const problem = toProblem(error, {
      instance: request.url.split('?')[0]?.slice(0, 500) ?? '',
      requestId: request.caller?.requestId ?? 'none',
    });
    if (problem.status >= 500 && !(error instanceof DomainError))
      this.log.fault('a request failed', thrown, { method: request.method, route: request.routeOptions?.url ?? '' });
    if (reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    if (error instanceof DomainError) {
      if (error.options.retryAfterSeconds !== undefined)
        void reply.header('retry-after', String(Math.ceil(error.options.retryAfterSeconds)));
      if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
    }
    void reply.removeHeader('etag');
    const [type, body] = request.url.startsWith(OPENAI_PATH)
      ? ['application/json', openAiError(problem)]
      : ['application/problem+json', problem];
    void reply.status(problem.status).header('content-type', `${type}; charset=utf-8`).send(JSON.stringify(body));
  }
}

interface EdgeError {
  statusCode?: number;
  code?: string;
}

/** The errors of Fastify and Nest in our kinds; anything else as it is. */
function known(thrown: unknown): unknown {
  if (thrown instanceof DomainError) return thrown;
  const { code } = thrown as EdgeError;
  const status = thrown instanceof HttpException ? thrown.getStatus() : ((thrown as EdgeError | null)?.statusCode ?? 500);
  if (status === 404) return new NotFound('request.route_not_found', 'There is no such route.');
  if (status === 413 || code === 'FST_REQ_FILE_TOO_LARGE')
    return new Invalid('request.too_large', 'The body is larger than allowed.', { status: 413 });
  if (status === 415 || code === 'FST_INVALID_MULTIPART_CONTENT_TYPE')
    return new Invalid('request.unsupported_media_type', 'Send application/json, or multipart/form-data for a file.', { status: 415 });
  if (status >= 400 && status < 500) return new Invalid('request.malformed', 'The request is not well-formed.');
  return thrown;
}

interface Issue {
  readonly code?: string;
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** Of `unrecognized_keys`. */
  readonly keys?: readonly string[];
}

/** What is wrong with a request: each faulty place as a JSON Pointer. `parameter`: the issues are those of this parameter of the path. */
export function invalidRequest(issues: readonly Issue[], parameter?: string): Invalid {
  const places = issues.flatMap((issue) => placesOf(issue, parameter)).slice(0, 50);
  const [first] = places;
  return new Invalid(
    'request.invalid',
    `The request does not have the documented form: ${first?.pointer || 'the body'} ${first?.message ?? 'is wrong'}.`,
    { places },
  );
}

function placesOf({ code, message, path = [], keys }: Issue, parameter?: string): ProblemPlace[] {
  const at = [...(parameter === undefined ? [] : [parameter]), ...path.map((part) => String(typeof part === 'object' ? part.key : part))];
  if (code === 'unrecognized_keys' && keys) return keys.map((key) => ({ pointer: pointerTo([...at, key]), message: 'is not known here' }));
  return [{ pointer: pointerTo(at), message: message.slice(0, MAX_ISSUE_TEXT) }];
}
