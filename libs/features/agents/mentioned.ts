import type { Message, Permission } from '@atrium/contracts';
import { type LoggedEvent, rightsOf } from '@atrium/platform/events';

/** Ids of the agents that a posted message mentions. */
export function mentionedAgents({ data }: LoggedEvent): string[] {
  const { mentions } = data['message'] as Pick<Message, 'mentions'>;
  return mentions.flatMap(({ kind, id }) => (kind === 'agent' ? [id] : []));
}

/** Whether a person, by a credential with this right, mentioned an agent. */
export const asksAgent = (right: Permission) => (event: LoggedEvent) =>
  (event.data['message'] as Pick<Message, 'author'>).author.kind === 'user' &&
  rightsOf(event).includes(right) &&
  mentionedAgents(event).length > 0;
