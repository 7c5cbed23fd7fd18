import type { EventType, Message, Permission } from '@atrium/contracts';
import { type LoggedEvent, rightsOf } from '@atrium/platform/events';

/** A message asks the agents that it mentions once each, whether they were mentioned at first or by an edit: what it starts is named by its id. */
export const ASKING: readonly EventType[] = ['chat.message_posted', 'chat.message_edited'];

/** Ids of the agents that the message mentions. */
export function mentionedAgents({ data }: LoggedEvent): string[] {
  const { mentions } = data['message'] as Pick<Message, 'mentions'>;
  return mentions.flatMap(({ kind, id }) => (kind === 'agent' ? [id] : []));
}

/** Whether a person, by a credential with this right, mentioned an agent, which an edit of a message did not do again. */
export const asksAgent = (right: Permission) => (event: LoggedEvent) =>
  (event.data['message'] as Pick<Message, 'author'>).author.kind === 'user' &&
  rightsOf(event).includes(right) &&
  mentionedAgents(event).length > 0;
