import { z } from 'zod';
import { Citation } from './chat.js';
import { line, text } from './common.js';

/** The shapes of the OpenAI-compatible door. What a client sends beyond them, such as `temperature`, is not read. */

const NAME = /^[\w-]{1,64}$/;
const Part = z.object({ type: z.literal('text', 'only parts of text are read'), text: text(200_000) });
const Content = z
  .union([text(200_000), z.array(Part).max(200)])
  .transform((content) => (typeof content === 'string' ? content : content.map((part) => part.text).join('')));
const Call = z.object({
  id: z.string().min(1).max(200),
  type: z.literal('function'),
  function: z.object({ name: z.string().regex(NAME), arguments: z.string().max(100_000) }),
});
const ChatMessage = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer']), content: Content }),
  z.object({ role: z.literal('user'), content: Content }),
  z.object({ role: z.literal('assistant'), content: Content.nullish(), tool_calls: z.array(Call).max(64).nullish() }),
  z.object({ role: z.literal('tool'), tool_call_id: z.string().max(200), content: Content }),
]);
export type ChatMessage = z.infer<typeof ChatMessage>;

export const ChatCompletionRequest = z
  .object({
    /** The name of an agent of the organization; `assistant` is there from the beginning. */
    model: line(200),
    /** The last one of `user` is what is asked. */
    messages: z.array(ChatMessage).min(1).max(200),
    stream: z.boolean().nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: z.int().min(1).max(1_000_000).nullish(),
    max_completion_tokens: z.int().min(1).max(1_000_000).nullish(),
    n: z.literal(1, 'there is one answer to a question').nullish(),
    /** Tools of the application that asks: it calls them, and asks again with what they gave. */
    tools: z
      .array(
        z.object({
          type: z.literal('function'),
          function: z.object({
            name: z.string().regex(NAME),
            description: z.string().max(4_000).nullish(),
            parameters: z.record(z.string(), z.json()).nullish(),
          }),
        }),
      )
      .max(64)
      .nullish(),
    tool_choice: z.enum(['auto', 'none'], 'only auto and none are known').nullish(),
  })
  .refine(({ messages }) => messages.some(({ role, content }) => role === 'user' && content?.trim()), {
    path: ['messages'],
    message: 'must hold a message of the user that says something',
  })
  .meta({ id: 'ChatCompletionRequest' });
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequest>;

const FinishReason = z.enum(['stop', 'length', 'content_filter', 'tool_calls']);
/** Where something is cited in the content, in UTF-16 code units, and the address at which who may read it reads it. */
const Annotation = z.strictObject({
  type: z.literal('url_citation'),
  url_citation: z.strictObject({ start_index: z.int(), end_index: z.int(), title: z.string(), url: z.string() }),
});
export type ChatAnnotation = z.infer<typeof Annotation>;
const ToolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});
const Usage = z.strictObject({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() });

export const ChatCompletion = z
  .strictObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.strictObject({
        index: z.int(),
        finish_reason: FinishReason,
        logprobs: z.null(),
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          annotations: z.array(Annotation),
          tool_calls: z.array(ToolCall).optional(),
          /** Atrium's own: the cited places, letter by letter. */
          citations: z.array(Citation),
        }),
      }),
    ),
    usage: Usage,
  })
  .meta({ id: 'ChatCompletion' });
export type ChatCompletion = z.infer<typeof ChatCompletion>;

export const OpenAiError = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.enum(['invalid_request_error', 'authentication_error', 'permission_error', 'rate_limit_error', 'server_error']),
      /** The place of the request that is at fault, such as `messages.0.content`. */
      param: z.string().nullable(),
      code: z.string(),
    }),
  })
  .meta({ id: 'OpenAiError' });
export type OpenAiError = z.infer<typeof OpenAiError>;

const OpenAiModel = z.strictObject({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() });
export const OpenAiModelList = z.strictObject({ object: z.literal('list'), data: z.array(OpenAiModel) }).meta({ id: 'OpenAiModelList' });
export type OpenAiModelList = z.infer<typeof OpenAiModelList>;

export const EmbeddingsRequest = z
  .object({
    model: line(200),
    input: z
      .union([z.string(), z.array(z.string()).min(1).max(128)])
      .transform((input) => (typeof input === 'string' ? [input] : input))
      .refine((texts) => texts.every((one) => one !== '' && one.length <= 32_000), 'must be texts of 1 to 32,000 characters'),
    encoding_format: z.enum(['float', 'base64']).default('float'),
  })
  .meta({ id: 'EmbeddingsRequest' });
export type EmbeddingsRequest = z.infer<typeof EmbeddingsRequest>;

export const EmbeddingList = z
  .strictObject({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.strictObject({
        object: z.literal('embedding'),
        index: z.int(),
        /** Numbers, or with `base64` their little-endian float32 bytes. */
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: 'EmbeddingList' });
export type EmbeddingList = z.infer<typeof EmbeddingList>;
