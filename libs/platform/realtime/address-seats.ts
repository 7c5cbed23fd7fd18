import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '@atrium/platform/config';
import { addressGroup } from '@atrium/platform/tenancy';

/** When a client that was turned away may try again. Seconds. */
export const TRY_AGAIN_SECONDS = 10;

/** Live connections of this process per client address, signed in or not: an attacker without any account holds no more than these. */
@Injectable()
export class AddressSeats {
  private readonly taken = new Map<string, number>();

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** How to give the seat back, once; null when the address has as many as it may. */
  take(ip: string | null): (() => void) | null {
    const max = this.config.CONNECTIONS_PER_ADDRESS;
    if (max === 0 || ip === null) return () => undefined;
    const group = addressGroup(ip);
    const own = this.taken.get(group) ?? 0;
    if (own >= max) return null;
    this.taken.set(group, own + 1);
    let isTaken = true;
    return () => {
      if (isTaken) this.giveBack(group);
      isTaken = false;
    };
  }

  private giveBack(group: string): void {
    const left = (this.taken.get(group) ?? 1) - 1;
    if (left > 0) this.taken.set(group, left);
    else this.taken.delete(group);
  }
}
