import { availableParallelism } from 'node:os';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { Unavailable } from '@atrium/platform/errors';

/** argon2id with 19 MiB, 2 passes, 1 lane (OWASP's minimum, about 40 ms). */
const ARGON2ID = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** More hashes than this are not waited for: a flood of sign-ins must not hold a minute of work. */
const MAX_WAITING = 256;

/** Hashes as many passwords at once as there are cores. */
@Injectable()
export class Passwords implements OnModuleInit {
  private readonly slots = Math.max(1, availableParallelism());
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private decoy: Promise<string> | null = null;

  onModuleInit(): void {
    this.decoyHash().catch(() => undefined);
  }

  /** @throws Unavailable `request.overloaded` */
  hash(password: string): Promise<string> {
    return this.inSlot(() => hash(password, ARGON2ID));
  }

  /**
   * Whether the password is that of `passwordHash`; null (no such person) costs the same and is false.
   * @throws Unavailable `request.overloaded`
   */
  async matches(passwordHash: string | null, password: string): Promise<boolean> {
    const against = passwordHash ?? (await this.decoyHash());
    const right = await this.inSlot(() => verify(against, password));
    return right && passwordHash !== null;
  }

  private decoyHash(): Promise<string> {
    this.decoy ??= hash('nobody has this password', ARGON2ID);
    return this.decoy;
  }

  private async inSlot<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.slots) {
      if (this.waiting.length >= MAX_WAITING) {
        throw new Unavailable('request.overloaded', 'Too many people sign in at once. Try again in a moment.', { retryAfterSeconds: 2 });
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    } else {
      this.running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }
}
