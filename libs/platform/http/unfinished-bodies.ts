import { type DomainError, QuotaExceeded, Unavailable } from '@atrium/platform/errors';
import { addressGroup } from '@atrium/platform/tenancy';

/** What the unfinished JSON bodies of one address may hold, and those of all. Bytes. */
const MAX_BYTES_PER_ADDRESS = 16 * 2 ** 20;
const MAX_BYTES = 64 * 2 ** 20;
const TRY_AGAIN_SECONDS = 5;

/** One body that is coming. */
export interface UnfinishedBody {
  readonly group: Group;
  bytes: number;
  readonly refuse: (error: DomainError) => void;
}
interface Group {
  readonly name: string;
  readonly bodies: Set<UnfinishedBody>;
  bytes: number;
}

/**
 * Bounds the memory of JSON bodies that have not come whole, which is before anybody is asked who they are. Above a bound the largest one is
 * refused, not the newest: who fills the memory loses it, and small requests of others go on.
 */
export class UnfinishedBodies {
  private readonly groups = new Map<string, Group>();
  private bytes = 0;

  /** `refuse` has to call `end`. */
  begin(ip: string, refuse: (error: DomainError) => void): UnfinishedBody {
    const name = addressGroup(ip);
    const group = this.groups.get(name) ?? { name, bodies: new Set(), bytes: 0 };
    this.groups.set(name, group);
    const body = { group, bytes: 0, refuse };
    group.bodies.add(body);
    return body;
  }

  /** Takes that many bytes more for it. It may have been refused when this returns. */
  grow(body: UnfinishedBody, bytes: number): void {
    this.count(body, bytes);
    if (body.group.bytes > MAX_BYTES_PER_ADDRESS) largest(body.group.bodies)?.refuse(tooMuchOfAddress());
    if (this.bytes > MAX_BYTES) largest([...this.groups.values()].flatMap(({ bodies }) => [...bodies]))?.refuse(tooMuch());
  }

  end(body: UnfinishedBody): void {
    const { group } = body;
    if (!group.bodies.delete(body)) return;
    this.count(body, -body.bytes);
    if (group.bodies.size === 0) this.groups.delete(group.name);
  }

  private count(body: UnfinishedBody, bytes: number): void {
    body.bytes += bytes;
    body.group.bytes += bytes;
    this.bytes += bytes;
  }
}

function largest(bodies: Iterable<UnfinishedBody>): UnfinishedBody | undefined {
  let most: UnfinishedBody | undefined;
  for (const body of bodies) if (!most || body.bytes > most.bytes) most = body;
  return most;
}

const tooMuchOfAddress = () =>
  new QuotaExceeded('request.rate_limited', 'There are too many unfinished bodies of this address. Send fewer at a time.', {
    retryAfterSeconds: TRY_AGAIN_SECONDS,
  });
const tooMuch = () =>
  new Unavailable('request.overloaded', 'There are too many unfinished bodies. Try again in a moment.', {
    retryAfterSeconds: TRY_AGAIN_SECONDS,
  });
