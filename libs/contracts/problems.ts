import { z } from 'zod';

/** The seven business kinds of failure and the HTTP status of each. Anything else is a fault of ours: 500. */
export const PROBLEM_STATUS = {
  Invalid: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  QuotaExceeded: 429,
  Unavailable: 503,
} as const;
export type ProblemKind = keyof typeof PROBLEM_STATUS;

/** One faulty place of a request; `pointer` is a JSON Pointer into the body, or `?name` for a query parameter. */
export const ProblemPlace = z.strictObject({ pointer: z.string(), message: z.string() });
export type ProblemPlace = z.infer<typeof ProblemPlace>;

/** RFC 9457 problem details, as HTTP answers, socket error frames and job failures show them. */
export const Problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(ProblemPlace).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/**
 * Every code that a client can receive: its kind and what it means to a reader of docs/errors.md, which is generated from here.
 * Codes are `area.fact`.
 */
export const PROBLEMS = {
  'request.invalid': ['Invalid', 'The request does not have the documented form; `errors` names each place.'],
  'request.malformed': ['Invalid', 'The body is not well-formed JSON, or is nested too deeply.'],
  'request.too_large': ['Invalid', 'The body or one of its parts is larger than allowed (status 413).'],
  'request.unsupported_media_type': ['Invalid', 'The Content-Type is not one that this route reads (status 415).'],
  'request.route_not_found': ['NotFound', 'There is no such route.'],
  'request.precondition_failed': ['Conflict', 'If-Match names another version than the current one (status 412).'],
  'request.idempotency_in_flight': ['Conflict', 'A request with this Idempotency-Key is still being worked on.'],
  'request.idempotency_mismatch': ['Invalid', 'This Idempotency-Key was used with another request (status 422).'],
  'request.rate_limited': ['QuotaExceeded', 'Too many requests; wait for Retry-After seconds.'],
  'request.overloaded': ['Unavailable', 'The server sheds load; try again in a moment.'],
  'request.database_unavailable': ['Unavailable', 'The database cannot be reached; nothing was stored, try again.'],
  'auth.required': ['Unauthenticated', 'An access token or API key is needed.'],
  'auth.invalid_token': ['Unauthenticated', 'The token is malformed, expired, revoked or not of this server.'],
  'auth.invalid_credentials': ['Unauthenticated', 'E-mail or password is wrong.'],
  'auth.permission_missing': ['Forbidden', 'The role or key lacks the permission that this needs.'],
  'auth.origin_refused': ['Forbidden', 'The Origin of the request is not allowed.'],
  'auth.csrf_refused': ['Forbidden', 'A cookie request needs the CSRF header.'],
  'auth.registration_closed': ['Forbidden', 'This server does not let anyone create organizations.'],
  'auth.no_membership': ['Forbidden', 'The account belongs to no active organization.'],
  'auth.session_not_found': ['NotFound', 'There is no such session of yours, or it is over.'],
  'organizations.email_taken': ['Conflict', 'There is an account with this e-mail address.'],
  'organizations.not_found': ['NotFound', 'There is no such organization, or you are not in it.'],
  'organizations.member_not_found': ['NotFound', 'There is no such member.'],
  'organizations.last_owner': ['Conflict', 'An organization keeps at least one active owner.'],
  'organizations.role_too_high': ['Forbidden', 'One cannot give or take a role above one’s own.'],
  'organizations.already_member': ['Conflict', 'That person is a member already.'],
  'organizations.invitation_not_found': ['NotFound', 'The invitation does not exist, was used, was withdrawn or has expired.'],
  'organizations.api_key_not_found': ['NotFound', 'There is no such API key.'],
  'organizations.api_key_scope': ['Forbidden', 'A key cannot have a permission that its maker lacks.'],
  'organizations.limit_reached': ['QuotaExceeded', 'The organization has reached the limit that `detail` names.'],
  'chat.channel_not_found': ['NotFound', 'There is no such channel, or you may not read it.'],
  'chat.channel_name_taken': ['Conflict', 'A channel of this name exists.'],
  'chat.channel_archived': ['Conflict', 'The channel is archived.'],
  'chat.not_a_member': ['Forbidden', 'Only members of the channel may do this.'],
  'chat.not_an_admin': ['Forbidden', 'Only admins of the channel or of the organization may do this.'],
  'chat.already_member': ['Conflict', 'That principal is a member of the channel already.'],
  'chat.member_not_found': ['NotFound', 'There is no such member of the channel.'],
  'chat.message_not_found': ['NotFound', 'There is no such message, or you may not read it.'],
  'chat.thread_not_found': ['NotFound', 'The thread’s first message is not in this channel.'],
  'chat.not_the_author': ['Forbidden', 'Only its author may edit a message.'],
  'chat.message_deleted': ['Conflict', 'The message was deleted.'],
  'chat.message_streaming': ['Conflict', 'The message is still being written.'],
  'documents.not_found': ['NotFound', 'There is no such document, or you may not read it.'],
  'documents.version_not_found': ['NotFound', 'The document has no such version.'],
  'documents.not_ready': ['Conflict', 'The document is not ready yet, or its text could not be read.'],
  'documents.not_failed': ['Conflict', 'Only a failed document can be tried again.'],
  'documents.empty': ['Invalid', 'The file is empty.'],
  'documents.too_large': ['Invalid', 'The file is larger than the limit (status 413).'],
  'documents.file_missing': ['Invalid', 'A multipart upload needs a part named `file` with a file name.'],
  'documents.several_files': ['Invalid', 'One upload holds one file.'],
  'documents.upload_broken': ['Invalid', 'The upload ended early or is not well-formed multipart/form-data.'],
  'documents.range_not_satisfiable': ['Invalid', 'The Range lies outside of the file (status 416); `Content-Range` names its size.'],
  'documents.not_owner': ['Forbidden', 'Only its owner and administrators may change or remove a document of the organization.'],
  'documents.too_many_processing': [
    'QuotaExceeded',
    'Too many documents of the organization wait for their text; try again when some are ready.',
  ],
  'agents.not_found': ['NotFound', 'There is no such agent.'],
  'tools.not_found': ['NotFound', 'There is no such tool.'],
  'tools.invalid_arguments': ['Invalid', 'The tool’s arguments do not have the documented form.'],
  'ai.unavailable': ['Unavailable', 'The model cannot be reached; the circuit is open or all tries failed.'],
  'ai.timed_out': ['Unavailable', 'The model did not finish within its deadline.'],
  'ai.rejected': ['Unavailable', 'The model endpoint refused the request.'],
  'ai.malformed': ['Unavailable', 'The model endpoint answered something that is not its protocol.'],
  'storage.not_found': ['NotFound', 'The stored file is gone.'],
  'storage.full': ['Unavailable', 'There is no space left to store the file (status 507).'],
  'outbound.refused': ['Forbidden', 'This address may not be called from here.'],
  'outbound.failed': ['Unavailable', 'The call to the other server failed.'],
  'realtime.not_authenticated': ['Unauthenticated', 'The first frame must be `auth`.'],
  'realtime.unknown_frame': ['Invalid', 'There is no such frame.'],
} as const satisfies Record<string, readonly [ProblemKind, string]>;
export type ProblemCode = keyof typeof PROBLEMS;
