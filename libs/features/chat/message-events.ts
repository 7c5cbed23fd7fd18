import type { Message, Permission } from '@atrium/contracts';
import type { EventDraft, JsonObject } from '@atrium/platform/events';

/** What a reply, or its end, changes in the message that it answers. */
export interface ThreadRoot {
  id: string;
  replyCount: number;
  lastReplyAt: string | null;
}

/** Of an agent the name is no personal text and stays when the text is withheld or erased. */
const isPerson = (message: Message) => message.author.kind === 'user';

/** The message with everything that a person wrote taken out: what the chain keeps, and what a reader without the grants receives. */
function facts(message: Message): JsonObject {
  const bare = { ...message, body: '', citations: [], status: 'withheld' };
  return isPerson(message) ? { ...bare, clientId: null, author: { ...message.author, displayName: '' } } : bare;
}

const textOf = ({ body, citations, status, author, clientId }: Message): JsonObject => ({
  message: { body, citations, status, author, clientId },
});

const ofMessage = (message: Message): Pick<EventDraft, 'subject' | 'audience'> => ({
  subject: { kind: 'message', id: message.id },
  audience: `channel:${message.channelId}`,
});

/** The message's seq becomes the event's own. */
export function messagePosted(message: Message, root: ThreadRoot | null, rights: Permission[]): EventDraft {
  return {
    type: 'chat.message_posted',
    ...ofMessage(message),
    data: { channelId: message.channelId, message: facts(message), ...(root ? { root: { ...root } } : {}) },
    text: textOf(message),
    ...(message.mentions.some(({ kind }) => kind === 'agent') ? { rights } : {}),
    stamp: ['message', 'seq'],
  };
}

/** `rights`: those of the editor, of an edit that mentions an agent which was not mentioned before. */
export function messageEdited(message: Message, rights: Permission[] | null): EventDraft {
  return {
    type: 'chat.message_edited',
    ...ofMessage(message),
    data: { channelId: message.channelId, message: facts(message) },
    text: textOf(message),
    changes: { body: ['[text]', '[text]'], revision: [message.revision - 1, message.revision] },
    ...(rights ? { rights } : {}),
  };
}

export function messageCompleted(message: Message, requires: string[][]): EventDraft {
  return {
    type: 'chat.message_completed',
    ...ofMessage(message),
    data: { channelId: message.channelId, message: facts(message) },
    text: textOf(message),
    changes: { status: ['streaming', message.status] },
    requires,
  };
}

/** An answer whose sources have other readers now, or of which one is gone: the message as it is for those who may read it. */
export function sourcesChanged(message: Message, requires: string[][]): EventDraft {
  return {
    type: 'chat.message_sources_changed',
    ...ofMessage(message),
    data: { channelId: message.channelId, message: facts(message) },
    text: textOf(message),
    requires,
  };
}

/** `message` is what is left of it. */
export function messageDeleted(message: Message, root: ThreadRoot | null): EventDraft {
  const { displayName } = message.author;
  return {
    type: 'chat.message_deleted',
    ...ofMessage(message),
    data: { channelId: message.channelId, message: { ...facts(message), status: message.status }, ...(root ? { root: { ...root } } : {}) },
    text: { message: { author: { ...message.author, displayName } } },
    changes: { deletedAt: [null, message.deletedAt] },
  };
}
