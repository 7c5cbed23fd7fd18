import type { PGlite } from '@electric-sql/pglite';
import { framesOf, queryFrame, readText } from './wire-frames.js';

/** Someone who takes turns on the engine. */
export interface Tenant {
  deliver(notification: Buffer): void;
}

export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * The one database session, used by one connection at a time: from the first message of a transaction until it has ended. Waiting
 * connections are served in the order in which they asked.
 */
export class Engine {
  private owner: Tenant | null = null;
  private readonly waiting: { tenant: Tenant; go: () => void }[] = [];
  private readonly listeners = new Map<string, Set<Tenant>>();
  /** Whose session settings the engine has now; null when they are nobody's. */
  private settledFor: Tenant | null = null;

  constructor(
    private readonly pglite: PGlite,
    readonly superuser: string,
    readonly serverVersion: string,
  ) {}

  acquire(tenant: Tenant): Promise<void> {
    if (this.owner === tenant) return Promise.resolve();
    if (!this.owner) {
      this.owner = tenant;
      return Promise.resolve();
    }
    return new Promise((go) => this.waiting.push({ tenant, go }));
  }

  owns(tenant: Tenant): boolean {
    return this.owner === tenant;
  }

  release(tenant: Tenant): void {
    if (this.owner !== tenant) return;
    const next = this.waiting.shift();
    this.owner = next?.tenant ?? null;
    next?.go();
  }

  /**
   * Makes the session `user`'s, with default settings. Done again before every transaction of an ordinary login, so nothing that one of
   * them managed to set outlives its transaction; a superuser keeps its settings until another connection has had a turn.
   *
   * @returns false when the role does not exist or may not be used; the session is then nobody's.
   */
  async become(tenant: Tenant, user: string): Promise<boolean> {
    if (user === this.superuser && this.settledFor === tenant) return true;
    this.settledFor = null;
    const switchBack = `SET SESSION AUTHORIZATION ${quoteIdentifier(this.superuser)}; RESET ALL;`;
    const switchTo = user === this.superuser ? '' : `SET SESSION AUTHORIZATION ${quoteIdentifier(user)};`;
    const answer = await this.send(queryFrame(switchBack + switchTo));
    for (const { type } of framesOf(answer)) if (type === 'E') return false;
    this.settledFor = tenant;
    return true;
  }

  /** Hands whole messages to the engine; notifications in the answer go to their listeners, the rest is returned. */
  async send(bytes: Buffer): Promise<Buffer> {
    const pieces: Buffer[] = [];
    await this.pglite.execProtocolRawStream(bytes, { onRawData: (piece) => void pieces.push(Buffer.from(piece)) });
    const answer = Buffer.concat(pieces);
    const kept: Buffer[] = [];
    let notified = false;
    for (const { type, bytes: message } of framesOf(answer)) {
      if (type !== 'A') kept.push(message);
      else {
        notified = true;
        this.notify(message);
      }
    }
    return notified ? Buffer.concat(kept) : answer;
  }

  listen(tenant: Tenant, channel: string): void {
    const tenants = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, tenants.add(tenant));
  }

  unlisten(tenant: Tenant, channel: string | null): void {
    for (const [name, tenants] of this.listeners) {
      if (channel === null || name === channel) tenants.delete(tenant);
      if (!tenants.size) this.listeners.delete(name);
    }
  }

  /** UNLISTEN in the shared session takes the channel from everyone: subscribe again for those who still want it. */
  async restoreListening(): Promise<void> {
    const sql = [...this.listeners.keys()].map((channel) => `LISTEN ${quoteIdentifier(channel)};`).join('');
    if (sql) await this.send(queryFrame(sql));
  }

  private notify(message: Buffer): void {
    const [channel] = readText(message, 9);
    for (const tenant of this.listeners.get(channel) ?? []) tenant.deliver(message);
  }
}
