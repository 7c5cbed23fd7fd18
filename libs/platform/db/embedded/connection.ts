import type { Socket } from 'node:net';
import type { Engine, Tenant } from './engine.js';
import { type LoginCheck, startupUser } from './login-check.js';
import { PreparedNames } from './prepared-names.js';
import { assertOrdinary, assertServed, channelChanges } from './statement-filter.js';
import * as wire from './wire-frames.js';

const LOGIN_TIMEOUT_MS = 10_000;
/** A client that sends faster than the engine answers is not read any further than this. */
const MAX_AHEAD_BYTES = 4 * 1024 * 1024;
const MESSAGES_OF_CLIENTS = new Set(['Q', 'P', 'B', 'D', 'C', 'E', 'S', 'H']);
const ENDS_BATCH = new Set(['Q', 'S', 'H']);

interface Batch {
  frames: wire.Frame[];
  bytes: number;
}

export interface ConnectionOptions {
  id: number;
  logins: LoginCheck;
  /** How long a transaction may be open without a message; then it is rolled back and the connection ends. */
  idleInTransactionMs: number;
}

/**
 * One client. It authenticates, then its messages go to the engine in whole batches (up to Sync, Flush or a simple query), and from the
 * first batch until its transaction has ended the engine is its own.
 */
export class Connection implements Tenant {
  private readonly reader = new wire.FrameReader();
  private readonly prepared: PreparedNames;
  private phase: 'startup' | 'password' | 'ready' = 'startup';
  private user = '';
  private batch: Batch = { frames: [], bytes: 0 };
  private aheadBytes = 0;
  private work: Promise<void> = Promise.resolve();
  private closed = false;
  /** Something was wrong on the wire: what came before is still answered, what comes after is not read. */
  private refused = false;
  private unlistened = false;
  /** What the engine said last: I idle, T in a transaction, E in a failed one. */
  private status = 'I';
  private timer: NodeJS.Timeout | undefined;
  /** Settles when nothing of this connection is left in the engine. */
  readonly gone: Promise<void>;

  constructor(
    private readonly socket: Socket,
    private readonly engine: Engine,
    private readonly options: ConnectionOptions,
  ) {
    this.prepared = new PreparedNames(options.id);
    socket.setNoDelay(true);
    this.timer = setTimeout(() => socket.destroy(), LOGIN_TIMEOUT_MS);
    socket.on('data', (piece: Buffer) => this.receive(piece));
    socket.on('error', () => socket.destroy());
    this.gone = new Promise((resolve) =>
      socket.on('close', () => {
        this.closed = true;
        clearTimeout(this.timer);
        this.work = this.work.then(() => this.leave());
        void this.work.then(resolve);
      }),
    );
  }

  deliver(notification: Buffer): void {
    this.write(notification);
  }

  end(): void {
    this.socket.destroy();
  }

  private receive(piece: Buffer): void {
    if (this.refused) return;
    this.reader.push(piece);
    try {
      while (!this.closed && this.step());
    } catch (error) {
      this.refused = true;
      const reason = error instanceof wire.WireError ? error : new wire.WireError('08P01', 'invalid message');
      this.enqueue(() => Promise.reject(reason));
    }
  }

  /** Handles one message; false when the next is not here yet. */
  private step(): boolean {
    if (this.phase === 'startup') return this.startup();
    const message = this.reader.next(this.phase === 'password' ? wire.MAX_STARTUP_BYTES : wire.MAX_FRAME_BYTES);
    if (!message) return false;
    if (this.phase === 'password') this.login(message);
    else this.accept(message);
    return true;
  }

  private startup(): boolean {
    const message = this.reader.nextStartup();
    if (!message) return false;
    const code = message.bytes.readInt32BE(4);
    if (code === wire.SSL_REQUEST || code === wire.GSSENC_REQUEST) this.write(Buffer.from('N'));
    else if (code === wire.CANCEL_REQUEST) this.socket.end();
    else if (code >> 16 !== wire.PROTOCOL_MAJOR) throw new wire.WireError('0A000', 'unsupported frontend protocol');
    else {
      this.user = startupUser(message.bytes.subarray(8));
      this.phase = 'password';
      this.write(wire.frame('R', wire.int32(3)));
    }
    return code !== wire.CANCEL_REQUEST;
  }

  private login({ type, bytes }: wire.Frame): void {
    if (type !== 'p') throw new wire.WireError('28P01', 'a password is needed');
    this.options.logins.assert(this.user, wire.readText(bytes, 5)[0]);
    clearTimeout(this.timer);
    this.phase = 'ready';
    const setting = (name: string, value: string) => wire.frame('S', wire.zeroEnded(name), wire.zeroEnded(value));
    this.write(
      Buffer.concat([
        wire.frame('R', wire.int32(0)),
        setting('server_version', this.engine.serverVersion),
        setting('server_encoding', 'UTF8'),
        setting('client_encoding', 'UTF8'),
        setting('DateStyle', 'ISO, MDY'),
        setting('integer_datetimes', 'on'),
        setting('standard_conforming_strings', 'on'),
        setting('TimeZone', 'GMT'),
        wire.frame('K', wire.int32(this.options.id), wire.int32(0)),
        wire.readyFrame(),
      ]),
    );
  }

  private accept(message: wire.Frame): void {
    const { type } = message;
    if (type === 'X') {
      this.enqueue(async () => void this.socket.end());
      return;
    }
    if (!MESSAGES_OF_CLIENTS.has(type)) throw new wire.WireError('08P01', `message type ${JSON.stringify(type)} is not served`);
    if (type === 'Q' || type === 'P') this.filter(message.bytes.toString('utf8', 5));
    const bytes = this.prepared.rewrite(message);
    this.batch.frames.push({ type, bytes });
    this.batch.bytes += bytes.length;
    if (this.batch.bytes > wire.MAX_FRAME_BYTES) throw new wire.WireError('54000', 'too much was sent ahead of a Sync');
    if (!ENDS_BATCH.has(type)) return;
    const batch = this.batch;
    this.batch = { frames: [], bytes: 0 };
    this.aheadBytes += batch.bytes;
    if (this.aheadBytes > MAX_AHEAD_BYTES) this.socket.pause();
    this.enqueue(async () => {
      await this.run(batch);
      this.aheadBytes -= batch.bytes;
      this.resumeReading();
    });
  }

  private filter(sql: string): void {
    assertServed(sql);
    if (this.user !== this.engine.superuser) assertOrdinary(sql);
  }

  private enqueue(task: () => Promise<void>): void {
    this.work = this.work.then(task).catch((error: unknown) => this.fail(error));
  }

  private fail(error: unknown): void {
    const { sqlState, message } = error instanceof wire.WireError ? error : { sqlState: 'XX000', message: 'the database failed' };
    if (!this.socket.destroyed) this.socket.end(wire.fatalFrame(sqlState, message), () => this.socket.destroy());
    this.closed = true;
    if (!(error instanceof wire.WireError)) throw error;
  }

  private async run(batch: Batch): Promise<void> {
    if (this.closed) return;
    const continues = this.engine.owns(this);
    await this.engine.acquire(this);
    if (this.closed) return;
    clearTimeout(this.timer);
    if (!continues && !(await this.engine.become(this, this.user))) {
      throw new wire.WireError('28000', `role "${this.user}" does not exist or may not be used`);
    }
    const missing = continues ? null : this.prepared.missingFor(batch.frames);
    if (missing) await this.engine.send(Buffer.concat([missing, wire.syncFrame()]));
    this.noteChannels(batch);
    const answer = await this.engine.send(Buffer.concat(batch.frames.map((each) => each.bytes)));
    this.prepared.ranBatch(batch.frames);
    let ready = batch.frames.at(-1)?.type === 'H';
    for (const { type, bytes } of wire.framesOf(answer)) {
      if (type !== 'Z') continue;
      this.status = bytes.toString('latin1', 5, 6);
      ready = true;
    }
    // A statement that exhausts the engine's stack is dropped without a word.
    if (!ready) throw new wire.WireError('XX000', 'the statement was too deep for the embedded database');
    if (answer.length) this.write(answer);
    if (this.status === 'I' && batch.frames.at(-1)?.type !== 'H') await this.endTurn();
    else this.timer = setTimeout(() => this.giveUp(), this.options.idleInTransactionMs);
  }

  private async endTurn(): Promise<void> {
    if (this.unlistened) await this.engine.restoreListening();
    this.unlistened = false;
    this.engine.release(this);
  }

  private noteChannels(batch: Batch): void {
    for (const { type, bytes } of batch.frames) {
      if (type !== 'Q' && type !== 'P') continue;
      for (const { listen, channel } of channelChanges(bytes.toString('utf8', type === 'Q' ? 5 : wire.readText(bytes, 5)[1]))) {
        if (listen && channel !== null) this.engine.listen(this, channel);
        else {
          this.unlistened = true;
          this.engine.unlisten(this, channel);
        }
      }
    }
  }

  private giveUp(): void {
    this.enqueue(() => Promise.reject(new wire.WireError('25P03', 'terminating connection due to idle-in-transaction timeout')));
  }

  private write(bytes: Buffer): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (!this.socket.write(bytes)) {
      this.socket.pause();
      this.socket.once('drain', () => this.resumeReading());
    }
  }

  private resumeReading(): void {
    if (!this.closed && this.aheadBytes <= MAX_AHEAD_BYTES && !this.socket.writableNeedDrain) this.socket.resume();
  }

  /** Takes everything of this connection out of the engine: the open transaction, prepared statements, subscriptions. */
  private async leave(): Promise<void> {
    this.engine.unlisten(this, null);
    const mayHaveOpen = this.engine.owns(this);
    if (!mayHaveOpen && this.prepared.isEmpty) return;
    await this.engine.acquire(this);
    const rollBack = mayHaveOpen ? Buffer.concat([wire.syncFrame(), wire.queryFrame('ROLLBACK')]) : Buffer.alloc(0);
    const answer = await this.engine.send(Buffer.concat([rollBack, this.prepared.closeAll(), wire.syncFrame()]));
    if (!answer.length) throw new Error('The embedded engine no longer answers.');
    await this.endTurn();
  }
}
