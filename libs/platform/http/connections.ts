import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Config } from '@atrium/platform/config';
import { QuotaExceeded, Unavailable } from '@atrium/platform/errors';
import { addressGroup } from '@atrium/platform/tenancy';
import { proxyCheck } from './proxies.js';
import { dismiss } from './slow-clients.js';

/** When a client that was turned away may try again. Seconds. */
const TRY_AGAIN_SECONDS = 10;

/**
 * Bounds the connections of an address and in all; who comes above is answered 429 or 503 and cut. A proxy of ours brings many clients: it
 * counts in all only. A WebSocket gives its place back: those are counted by themselves.
 */
export function boundConnections(server: Server, config: Config): void {
  const { HTTP_CONNECTIONS: max, HTTP_CONNECTIONS_PER_ADDRESS: maxPerAddress } = config;
  const isProxy = proxyCheck(config.TRUSTED_PROXIES);
  const ofAddress = new Map<string, number>();
  const places = new WeakMap<Socket, () => void>();
  let all = 0;
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = '' } = socket;
    const group = maxPerAddress === 0 || remoteAddress === '' || isProxy(remoteAddress) ? null : addressGroup(remoteAddress);
    const own = group === null ? 0 : (ofAddress.get(group) ?? 0);
    if (group !== null && own >= maxPerAddress) return dismiss(socket, tooManyOfAddress());
    if (max > 0 && all >= max) return dismiss(socket, tooMany());
    all++;
    if (group !== null) ofAddress.set(group, own + 1);
    let isTaken = true;
    const leave = (): void => {
      if (!isTaken) return;
      isTaken = false;
      all--;
      const left = group === null ? 0 : (ofAddress.get(group) ?? 1) - 1;
      if (group !== null && left > 0) ofAddress.set(group, left);
      else if (group !== null) ofAddress.delete(group);
    };
    places.set(socket, leave);
    socket.once('close', leave);
  });
  server.on('upgrade', ({ socket }: IncomingMessage) => places.get(socket)?.());
}

const tooManyOfAddress = () =>
  new QuotaExceeded('request.rate_limited', 'There are too many connections of this address. Close one first.', {
    retryAfterSeconds: TRY_AGAIN_SECONDS,
  });
const tooMany = () =>
  new Unavailable('request.overloaded', 'The server has as many connections as it takes. Try again in a moment.', {
    retryAfterSeconds: TRY_AGAIN_SECONDS,
  });
