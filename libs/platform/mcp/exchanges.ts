import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { QuotaExceeded } from '@atrium/platform/errors';
import { concerns, type OrgContext, Revocations } from '@atrium/platform/tenancy';

/** Requests of one principal that this process works on at the same time. */
const MAX_PER_PRINCIPAL = 32;
/** After this an exchange is cut, whatever it waits for; a tool's own deadline comes before. Milliseconds. */
const MAX_EXCHANGE_MS = 90_000;

interface Exchange {
  readonly ctx: OrgContext;
  readonly socket: Socket;
  readonly abort: AbortController;
}

/** The requests that are being answered: bounded per principal and in time, and cut when their credential ends. */
@Injectable()
export class Exchanges implements OnApplicationShutdown {
  private readonly open = new Set<Exchange>();
  private readonly perPrincipal = new Map<string, number>();
  private readonly watched = new WeakSet<Socket>();
  private readonly stopListening: () => void;

  constructor(revocations: Revocations) {
    this.stopListening = revocations.listen((notice) => {
      for (const { ctx, abort } of this.open) if (concerns(notice, ctx)) abort.abort();
    });
  }

  onApplicationShutdown(): void {
    this.stopListening();
  }

  /**
   * A signal that ends with the exchange: when the client goes, when the credential is revoked, when it takes too long. Lasts until the
   * response is closed.
   * @throws QuotaExceeded `request.rate_limited`
   */
  begin(ctx: OrgContext, response: ServerResponse): AbortSignal {
    const key = [ctx.orgId, ctx.principal.kind, ctx.principal.id, ctx.principal.onBehalfOf].join(':');
    const count = this.perPrincipal.get(key) ?? 0;
    if (count >= MAX_PER_PRINCIPAL)
      throw new QuotaExceeded('request.rate_limited', `At most ${MAX_PER_PRINCIPAL} requests at the same time.`, { retryAfterSeconds: 1 });
    const { socket } = response.req;
    const exchange: Exchange = { ctx, socket, abort: new AbortController() };
    const timer = setTimeout(() => exchange.abort.abort(), MAX_EXCHANGE_MS);
    this.perPrincipal.set(key, count + 1);
    this.open.add(exchange);
    exchange.abort.signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        this.open.delete(exchange);
        const left = (this.perPrincipal.get(key) ?? 1) - 1;
        if (left > 0) this.perPrincipal.set(key, left);
        else this.perPrincipal.delete(key);
        response.destroy();
      },
      { once: true },
    );
    response.once('close', () => exchange.abort.abort());
    this.watch(socket);
    // Gone while its credential was looked at.
    if (socket.destroyed) exchange.abort.abort();
    return exchange.abort.signal;
  }

  /** A response that waits behind others on its connection is never told that the connection is gone. */
  private watch(socket: Socket): void {
    if (this.watched.has(socket)) return;
    this.watched.add(socket);
    socket.once('close', () => {
      for (const exchange of this.open) if (exchange.socket === socket) exchange.abort.abort();
    });
  }
}
