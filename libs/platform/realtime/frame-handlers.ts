import { ClientFrame, type Permission } from '@atrium/contracts';
import type { Json } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';
import type { Seat } from './realtime-hub.js';

/** The frames that a signed-in client may send. */
export type FrameType = Exclude<ClientFrame['type'], 'auth'>;
export type FrameOf<T extends FrameType> = Extract<ClientFrame, { type: T }>;

export interface FrameHandler<T extends FrameType> {
  /** A client without it gets `auth.permission_missing` before the frame is looked at further. */
  readonly permission: Permission;
  /** What it answers becomes the `result` of the frame's `ack`; what it throws, its `error`. */
  handle(ctx: OrgContext, frame: FrameOf<T>, seat: Seat): Promise<Json>;
}

/** What is done with each client frame, and which permission it needs. Features register theirs at boot; default deny. */
export class FrameHandlers {
  private readonly handlers = new Map<string, FrameHandler<FrameType>>();

  register<T extends FrameType>(type: T, handler: FrameHandler<T>): void {
    if (this.handlers.has(type)) throw new Error(`the frame ${type} has two handlers`);
    this.handlers.set(type, handler as unknown as FrameHandler<FrameType>);
  }

  find(type: string): FrameHandler<FrameType> | null {
    return this.handlers.get(type) ?? null;
  }

  /** The frames of the contract that nobody declared; the socket server does not start when there is one. `auth` is the socket's own. */
  undeclared(): string[] {
    return ClientFrame.options.map((option) => option.shape.type.value).filter((type) => type !== 'auth' && !this.handlers.has(type));
  }

  /** Each declared frame with its permission. */
  declared(): { type: string; permission: Permission }[] {
    return [...this.handlers].map(([type, { permission }]) => ({ type, permission }));
  }
}
