import { WebSocket } from 'ws';
import type { LiveEvent, ServerFrame } from '@atrium/contracts';

/** A client by the public interfaces only: REST and the socket. */
export class Client {
  constructor(
    readonly baseUrl: string,
    readonly token: string | null = null,
  ) {}

  async send(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const isForm = body instanceof FormData;
    const response = await fetch(new URL(path, this.baseUrl), {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, body: isJson && text ? (JSON.parse(text) as unknown) : text };
  }

  /** The body of a 2xx answer. */
  async get<T>(path: string): Promise<T> {
    return this.must<T>('GET', path);
  }
  async post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.must<T>('POST', path, body);
  }

  async upload<T>(path: string, fileName: string, bytes: Uint8Array<ArrayBuffer>, mediaType: string): Promise<T> {
    const form = new FormData();
    form.append('file', new Blob([bytes], { type: mediaType }), fileName);
    return this.must<T>('POST', path, form);
  }

  private async must<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.send(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }
}

type Frame = ServerFrame;

/** A live connection that keeps its events and lets one wait for the next that fits. */
export class Live {
  readonly events: LiveEvent[] = [];
  private readonly hearers = new Set<(frame: Frame) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Frame;
      if (frame.type === 'event') this.events.push(frame.event);
      for (const hearer of this.hearers) hearer(frame);
    });
  }

  static async connect(client: Client): Promise<Live> {
    const socket = new WebSocket(`${client.baseUrl.replace('http', 'ws')}/v1/socket`);
    const live = new Live(socket);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const ready = live.next((frame) => frame.type === 'ready');
    live.say({ type: 'auth', token: client.token });
    await ready;
    return live;
  }

  say(frame: Record<string, unknown>): void {
    this.socket.send(JSON.stringify({ id: `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`, ...frame }));
  }

  /** Hears every frame until the returned function is called. */
  hear(hearer: (frame: Frame) => void): () => void {
    this.hearers.add(hearer);
    return () => this.hearers.delete(hearer);
  }

  /** The next frame that fits. */
  next<F extends Frame>(fits: (frame: Frame) => frame is F, ms?: number): Promise<F>;
  next(fits: (frame: Frame) => boolean, ms?: number): Promise<Frame>;
  next(fits: (frame: Frame) => boolean, ms = 60_000): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const stop = this.hear((frame) => {
        if (!fits(frame)) return;
        clearTimeout(timer);
        stop();
        resolve(frame);
      });
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`nothing came over the socket within ${ms / 1_000} s`));
      }, ms);
    });
  }

  /** The next event of this type that fits, with its data. */
  async event<T = Record<string, unknown>>(type: string, fits: (data: T) => boolean = () => true, ms?: number): Promise<T> {
    const frame = await this.next((one) => one.type === 'event' && one.event.type === type && fits(one.event.data as T), ms);
    return (frame as Extract<Frame, { type: 'event' }>).event.data as T;
  }

  close(): void {
    this.socket.close();
  }
}
