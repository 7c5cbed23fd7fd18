import { InvalidResponseDataError, JSONParseError, NoOutputGeneratedError, TypeValidationError } from 'ai';
import { DomainError, Unavailable } from '@atrium/platform/errors';
import type { ModelUsage } from './model-options.js';

type FailureCode = 'ai.unavailable' | 'ai.timed_out' | 'ai.rejected' | 'ai.malformed';

const MESSAGES: Record<FailureCode, string> = {
  'ai.unavailable': 'The model cannot be reached at the moment; try again later.',
  'ai.timed_out': 'The model did not answer in time; try again later.',
  'ai.rejected': 'The model endpoint refused the request; an administrator has to look at its settings.',
  'ai.malformed': 'The model endpoint answered something that could not be understood.',
};

/**
 * What went wrong at the endpoint, in our words: texts and bodies of the endpoint and of the client library are left behind, since
 * they can hold the prompt or the key.
 */
export class ModelFailure extends Error {
  constructor(
    readonly code: FailureCode,
    /** A short word for the log: a network code, a status, the name of a limit. */
    readonly reason: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(`${code}: ${reason}`);
    this.name = 'ModelFailure';
  }

  /** The same request may succeed at once: not when the endpoint understood and refused it, nor when it does not speak the protocol. */
  get worthRetrying(): boolean {
    return this.code === 'ai.unavailable' || this.code === 'ai.timed_out';
  }

  /** A refusal is the request's fault or the key's, and no sign that the endpoint is ill. */
  get isEndpointFault(): boolean {
    return this.code !== 'ai.rejected';
  }
}

/** The failure as callers see it: kind Unavailable, with `options.params.usage` = what was received until then. */
export function toDomainError(failure: ModelFailure, usage: ModelUsage): Unavailable {
  return new Unavailable(failure.code, MESSAGES[failure.code], {
    params: { usage, reason: failure.reason },
    retryable: failure.worthRetrying,
    retryAfterSeconds: failure.retryAfterSeconds,
  });
}

/** Reads what the client library threw or put in the stream. */
export function failureOf(error: unknown): ModelFailure {
  const chain = causes(error);
  const own = chain.find((one) => one instanceof ModelFailure);
  if (own) return own;
  if (chain.some((one) => one instanceof DomainError)) return new ModelFailure('ai.rejected', 'address_refused');
  if (chain.some((one) => JSONParseError.isInstance(one) || TypeValidationError.isInstance(one))) {
    return new ModelFailure('ai.malformed', 'bad_event');
  }
  if (chain.some((one) => InvalidResponseDataError.isInstance(one) || NoOutputGeneratedError.isInstance(one))) {
    return new ModelFailure('ai.malformed', 'no_finish');
  }
  const codes = chain.map((one) => (one as { code?: unknown }).code).filter((code) => typeof code === 'string');
  const code = codes.findLast((one) => /^[A-Z][A-Z0-9_]{2,40}$/.test(one));
  const isHttp = !chain.some(isNoHttp) && code !== 'UND_ERR_HEADERS_OVERFLOW';
  return isHttp ? new ModelFailure('ai.unavailable', code ?? 'stream_failed') : new ModelFailure('ai.malformed', 'not_http');
}

/** Without keep-alive undici reports an answer that breaks off as a parser's error too. */
const isNoHttp = ({ name, message }: Partial<Error>) => name === 'HTTPParserError' && !message?.includes('Invalid EOF state');

function causes(error: unknown): object[] {
  const chain: object[] = [];
  for (let at = error; typeof at === 'object' && at !== null && chain.length < 10; at = (at as { cause?: unknown }).cause) chain.push(at);
  return chain;
}
