import type { ProblemCode } from './problems.js';

/** Of the failures that people meet most: why it is so, and what to do next. */
export const PROBLEM_ADVICE: Partial<Record<ProblemCode, string>> = {
  'request.invalid':
    'Each entry of `errors` names a place (a JSON Pointer into the body, or `?name` of the query) and says what it must be; the API reference at /docs has every form. Mend these places and send the request again.',
  'request.malformed': 'Check that the body is JSON: quotes, commas, an encoding of UTF-8, and at most 32 levels of nesting.',
  'request.too_large': 'A JSON body has at most 1 MiB. Send a large text as a file (`POST /v1/documents` as a form), or in parts.',
  'request.unsupported_media_type':
    'Send JSON with `Content-Type: application/json`, in UTF-8 and not compressed, and files as `multipart/form-data`.',
  'request.route_not_found': 'Check method and path against the API reference at /docs; paths of the API begin with /v1.',
  'request.precondition_failed':
    'Somebody changed it since you read it. Read it again, apply your change to what it is now, and send that with the new ETag.',
  'request.idempotency_mismatch': 'A key stands for one request, byte by byte. Take a new key for another request.',
  'request.rate_limited':
    'Wait as long as `Retry-After` says and then send less at once; the operator sets the limit by `RATE_LIMIT_PER_MINUTE`.',
  'auth.required':
    'Sign in by `POST /v1/auth/login` and send `Authorization: Bearer` with the `accessToken`, or an API key of `POST /v1/api-keys`. Cookies and keys in the URL are not looked at.',
  'auth.invalid_token':
    'Access tokens last ten minutes: get a new one by `POST /v1/auth/refresh`, or sign in again. An API key that was revoked or has expired does not come back: make a new one. When signing in fails too, ask an administrator whether the account was suspended.',
  'auth.invalid_credentials':
    'It is not said which of the two is wrong, so that nobody learns who has an account. After ten failures within 15 minutes signing in is closed for a while.',
  'auth.permission_missing':
    '`detail` names the permission. An API key has only the scopes that it was made with, and never more than its owner’s role: make a key with that scope, or ask an administrator for another role.',
  'auth.no_membership': 'Ask an administrator of the organization for an invitation, or whether the account was suspended or removed.',
  'auth.registration_closed':
    'The operator lets nobody found organizations here (`REGISTRATION`). Ask an administrator of one for an invitation.',
  'organizations.email_taken': 'Sign in with it. To bring the person into another organization, invite the address there.',
  'organizations.invitation_not_found': 'An invitation is good once, and for a time. Ask whoever sent it for a new one.',
  'chat.channel_not_found': 'Private channels exist for their members only. Ask an admin of the channel to add you, and check the id.',
  'chat.not_a_member':
    'Reading a public channel is open to all members, posting is for those who joined: `POST /v1/channels/:id/members` with your own id. An agent that posts must be a member too, with `"kind": "agent"`.',
  'chat.client_id_used':
    'Take a new `clientId` for each message, a UUID for instance, and the same one only to send the same message again.',
  'documents.not_ready':
    'Its text is read after the upload. Wait for `status` to be `ready` (the event `documents.ready` tells), or see `failure` when it is `failed`.',
  'documents.too_large': 'The operator sets the limit by `MAX_UPLOAD_BYTES`. Divide the file, or leave pictures out.',
  'agents.not_active': 'An administrator paused it. `PATCH /v1/agents/:id` with `"status": "active"` lets it work again.',
  'agents.run_failed': 'The run, at `/v1/agent-runs/:id`, has every step and its `failure`.',
  'models.budget_exceeded': 'Nothing more is spent until the month ends or an administrator raises the budget (`/v1/model-budgets`).',
  'outbound.refused':
    'Addresses that users name must be public, http or https, on port 80 or 443, so that nobody reaches into the operator’s network. The operator can allow others by `OUTBOUND_ALLOW` (host or host:port).',
  'ai.unavailable':
    'Try again in half a minute. If it lasts, an administrator can try the provider (`POST /v1/model-providers/:id/test`), the operator the endpoint in `LLM_BASE_URL`.',
};
