import type { IncomingMessage, Server } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketServer } from 'ws';
import { type Config, CONFIG } from '@atrium/platform/config';
import { hasOneHost, originCheck, proxyCheck, RequestLimits } from '@atrium/platform/http';
import { Log } from '@atrium/platform/observability';
import { Authenticator } from '@atrium/platform/tenancy';
import { AddressSeats, TRY_AGAIN_SECONDS } from './address-seats.js';
import { CLOSE } from './connection.js';
import { FrameHandlers } from './frame-handlers.js';
import { RealtimeHub } from './realtime-hub.js';
import { SocketSession } from './socket-session.js';

/** How long a refused client may take to receive its answer. Milliseconds. */
const REFUSED_MS = 2_000;
const PATH = '/v1/socket';
const MAX_FRAME_BYTES = 64 * 2 ** 10;
/** A peer that has not answered a ping when the next is due is gone. Milliseconds. */
const PING_MS = 30_000;
/** Sockets of this process, signed in or not. */
const MAX_SOCKETS = 20_000;

/** Takes the upgrades of the HTTP server at /v1/socket. In a process without HTTP it does nothing. */
@Injectable()
export class SocketServer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
  });
  private readonly sessions = new Set<SocketSession>();
  private readonly isOriginAllowed: ReturnType<typeof originCheck>;
  private readonly isProxy: (address: string) => boolean;
  private timer: NodeJS.Timeout | undefined;
  private http: Server | undefined;
  private readonly onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer) => this.upgrade(request, socket, head);

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) config: Config,
    private readonly hub: RealtimeHub,
    private readonly seats: AddressSeats,
    private readonly authenticator: Authenticator,
    private readonly handlers: FrameHandlers,
    private readonly limits: RequestLimits,
    private readonly log: Log,
  ) {
    this.isOriginAllowed = originCheck(config);
    this.isProxy = proxyCheck(config.TRUSTED_PROXIES);
  }

  onApplicationBootstrap(): void {
    this.http = this.host.httpAdapter?.getHttpServer() as Server | undefined;
    if (!this.http) return;
    const undeclared = this.handlers.undeclared();
    if (undeclared.length > 0) throw new Error(`These socket frames declare no permission: ${undeclared.join(', ')}.`);
    this.http.on('upgrade', this.onUpgrade);
    this.timer = setInterval(() => this.ping(), PING_MS);
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.http?.off('upgrade', this.onUpgrade);
    for (const session of this.sessions) session.close(CLOSE.stopping, 'the server stops');
  }

  private upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => undefined);
    if (request.url?.split('?')[0] !== PATH) return refuse(socket, '404 Not Found');
    if (!hasOneHost(request)) return refuse(socket, '400 Bad Request');
    if (!this.isOriginAllowed(request.headers)) return refuse(socket, '403 Forbidden');
    if (this.sessions.size >= MAX_SOCKETS) return refuse(socket, '503 Service Unavailable');
    const ip = this.addressOf(request);
    const leave = this.seats.take(ip);
    if (!leave) return refuse(socket, `429 Too Many Requests\r\nRetry-After: ${TRY_AGAIN_SECONDS}`);
    socket.once('close', leave);
    this.server.handleUpgrade(request, socket, head, (webSocket) => {
      const from = { ip, userAgent: request.headers['user-agent']?.slice(0, 300) ?? null };
      const session = new SocketSession(webSocket, from, {
        hub: this.hub,
        authenticator: this.authenticator,
        handlers: this.handlers,
        limits: this.limits,
        log: this.log,
      });
      this.sessions.add(session);
      webSocket.on('close', () => this.sessions.delete(session));
    });
  }

  /** The nearest address that is not one of our proxies. */
  private addressOf(request: IncomingMessage): string | null {
    const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',');
    const hops = [...forwarded.map((hop) => hop.trim()), request.socket.remoteAddress ?? ''].filter((hop) => isIP(hop) > 0);
    while (hops.length > 1 && this.isProxy(hops.at(-1) ?? '')) hops.pop();
    return hops.at(-1) ?? null;
  }

  private ping(): void {
    for (const session of this.sessions) session.ping();
  }
}

/** After an upgrade no timeout of the server applies any more: the socket must not be left half open. */
function refuse(socket: Socket, status: string): void {
  socket.setTimeout(REFUSED_MS, () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
