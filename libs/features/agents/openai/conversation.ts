import type { ChatCompletionRequest, ChatMessage } from '@atrium/contracts';
import type { ModelMessage } from '@atrium/platform/ai';
import { Invalid } from '@atrium/platform/errors';
import type { Asked } from '../agent-runner.js';

/** What a request asks: the last message of the user, and the others around it. @throws Invalid `request.invalid` */
export function askedOf({ messages, tools, tool_choice, max_completion_tokens, max_tokens }: ChatCompletionRequest): Asked {
  const at = messages.findLastIndex(({ role, content }) => role === 'user' && content?.trim());
  const names = new Map<string, string>();
  const before = messages.slice(0, at).flatMap((message, index) => spoken(message, index, names));
  const after = messages.slice(at + 1).flatMap((message, index) => spoken(message, at + 1 + index, names));
  return {
    question: messages[at]?.content ?? '',
    system: messages.flatMap(({ role, content }) => (role === 'system' || role === 'developer' ? [content] : [])).join('\n\n'),
    before,
    after,
    tools: (tool_choice === 'none' ? [] : (tools ?? [])).map(({ function: { name, description, parameters } }) => ({
      name,
      description: description ?? '',
      inputSchema: parameters ?? { type: 'object', properties: {} },
    })),
    maxOutputTokens: max_completion_tokens ?? max_tokens ?? undefined,
  };
}

/** `names`: the tools of the calls so far, by the id of the call. */
function spoken(message: ChatMessage, at: number, names: Map<string, string>): ModelMessage[] {
  if (message.role === 'user') return [{ role: 'user', content: message.content }];
  if (message.role === 'assistant') {
    const calls = (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({ id, tool: name, arguments: args }));
    for (const { id, tool } of calls) names.set(id, tool);
    return [{ role: 'assistant', content: message.content ?? '', calls }];
  }
  if (message.role !== 'tool') return [];
  const tool = names.get(message.tool_call_id);
  if (tool === undefined)
    throw new Invalid('request.invalid', 'A message of a tool answers no call of a message before it.', {
      places: [{ pointer: `/messages/${at}/tool_call_id`, message: 'is the id of no call' }],
    });
  return [{ role: 'tool', id: message.tool_call_id, tool, content: message.content }];
}

/** The same as one prompt, for a run. Of what was said before only the newest that fits into `maxChars`. */
export function promptFor({ system, before = [], question }: Asked, maxChars: number): string {
  if (!system && before.length === 0) return question;
  const head = system ? `The application that asks says of itself:\n${system}\n\n` : '';
  const tail = `The task:\n${question}`;
  const said = before.map(({ role, content }) => `${role}: ${content}\n`);
  while (said.length > 0 && head.length + said.join('').length + tail.length + 20 > maxChars) said.shift();
  return `${head}${said.length > 0 ? `Said before:\n${said.join('')}\n` : ''}${tail}`;
}
