import type { OpenAiError, Problem } from '@atrium/contracts';

/** Where failures have the shape of OpenAI. */
export const OPENAI_PATH = '/openai/';

/** A failure in the shape that clients of the OpenAI API read; `code` is that of the problem. */
export const openAiError = ({ status, detail, code, errors }: Problem): OpenAiError => ({
  error: { message: detail, type: typeOf(status), param: errors?.[0]?.pointer.slice(1).replaceAll('/', '.') ?? null, code },
});

function typeOf(status: number): OpenAiError['error']['type'] {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
