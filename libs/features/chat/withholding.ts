import { Injectable } from '@nestjs/common';
import type { Message } from '@atrium/contracts';
import { ReaderGrants } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { holdsAll, withheld } from './message.js';

/** Keeps an answer from readers who lack a grant of one of its sources: the last step of every read of messages. */
@Injectable()
export class Withholding {
  constructor(private readonly grants: ReaderGrants) {}

  /** Call it outside of a transaction. `requires`: the grants of sources by the message's id, of those that have any. */
  async apply(ctx: OrgContext, messages: Message[], requires: ReadonlyMap<string, string[][]>): Promise<Message[]> {
    if (ctx.principal.kind === 'system') return messages;
    const reader = requires.size > 0 ? (await this.grants.of(ctx)).keys : new Set<string>();
    return messages.map((message) => {
      if (!holdsAll(reader, requires.get(message.id) ?? [])) return withheld(message);
      // What an unfinished answer is made of is known when it ends; it is made for members of the organization.
      return message.status === 'streaming' && ctx.principal.role === 'guest' ? { ...message, body: '' } : message;
    });
  }
}
