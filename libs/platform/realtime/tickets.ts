import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Inject, Injectable, type NestMiddleware } from '@nestjs/common';
import { type EventsTicket, OrgId } from '@atrium/contracts';
import { Cipher, type Config, CONFIG, deriveKey } from '@atrium/platform/config';
import { orgKey, Redis } from '@atrium/platform/redis';
import type { OrgContext } from '@atrium/platform/tenancy';

const TTL_SECONDS = 30;
/** Tickets of this process that wait, when there is no Redis. */
const MAX_WAITING = 10_000;

/** One-use tickets for EventSource, which cannot send a header. A ticket stands for the token that asked for it; only its hash is kept. */
@Injectable()
export class Tickets {
  private readonly cipher: Cipher;
  private readonly waiting = new Map<string, { token: string; expiresAt: number }>();

  constructor(
    private readonly redis: Redis,
    @Inject(CONFIG) config: Config,
  ) {
    this.cipher = new Cipher(deriveKey(config.encryptionKey.reveal(), 'event tickets'));
  }

  async issue(ctx: OrgContext, token: string): Promise<EventsTicket> {
    const ticket = `${ctx.orgId}.${randomBytes(32).toString('base64url')}`;
    const place = placeOf(ticket);
    const sealed = Buffer.from(this.cipher.encrypt(token, place)).toString('base64');
    if (!(await this.redis.set(orgKey(ctx, 'ticket', place), sealed, TTL_SECONDS))) this.keep(place, token);
    return { ticket, expiresIn: TTL_SECONDS };
  }

  /** The token that the ticket stands for, once; null when it was used, has ended or never was. */
  async redeem(ticket: string): Promise<string | null> {
    const orgId = OrgId.safeParse(ticket.split('.')[0]);
    if (!orgId.success) return null;
    const place = placeOf(ticket);
    const kept = this.waiting.get(place);
    this.waiting.delete(place);
    if (kept) return kept.expiresAt > Date.now() ? kept.token : null;
    const sealed = await this.redis.take(orgKey(orgId.data, 'ticket', place));
    if (typeof sealed !== 'string') return null;
    try {
      return this.cipher.decrypt(Buffer.from(sealed, 'base64'), place);
    } catch {
      return null;
    }
  }

  private keep(place: string, token: string): void {
    const now = Date.now();
    for (const [other, { expiresAt }] of this.waiting) {
      if (expiresAt > now && this.waiting.size < MAX_WAITING) break;
      this.waiting.delete(other);
    }
    this.waiting.set(place, { token, expiresAt: now + TTL_SECONDS * 1_000 });
  }
}

const placeOf = (ticket: string) => createHash('sha256').update(ticket).digest('hex');

/**
 * Turns `?ticket=` of a stream into the token that it stands for, before the guard looks. One that stands for nothing becomes a token that
 * nobody has, never the text itself: that could be a key, and those are not taken from a URL.
 */
@Injectable()
export class TicketMiddleware implements NestMiddleware {
  constructor(private readonly tickets: Tickets) {}

  use(request: IncomingMessage & { originalUrl?: string }, _response: unknown, next: (error?: unknown) => void): void {
    const query = (request.originalUrl ?? request.url ?? '').split('?')[1];
    const ticket = query === undefined ? null : new URLSearchParams(query).get('ticket');
    if (ticket === null || request.method !== 'GET' || request.headers.authorization !== undefined) return next();
    this.tickets.redeem(ticket.slice(0, 128)).then((token) => {
      request.headers.authorization = `Bearer ${token ?? `ticket-${placeOf(ticket)}`}`;
      next();
    }, next);
  }
}
