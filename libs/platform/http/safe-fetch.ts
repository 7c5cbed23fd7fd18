import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Agent, request, type Dispatcher } from 'undici';
import { DomainError, Forbidden, Unavailable } from '@atrium/platform/errors';

export interface SafeFetchOptions {
  /** `host` or `host:port` that may be private and on any port (with `:port`: on that one only). The operator's OUTBOUND_ALLOW. */
  allow: string[];
  /** Ports for everyone else. Default 80 and 443. */
  ports?: number[];
  /** Redirects to follow. Default 3. */
  maxRedirects?: number;
  /** All addresses of a name. Default: the system's resolver. */
  lookup?: (hostname: string) => Promise<{ address: string; family: number }[]>;
  /** Which addresses anybody may call. Default `isPublicAddress`; tests let a local one play the internet. */
  isPublic?: (address: string) => boolean;
}

export interface SafeRequest {
  /** Default GET. */
  method?: string;
  /** Without those that belong to the connection (Host, Content-Length, …): they are left out. */
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Larger answers fail, or are cut there. Default 5 MiB. */
  maxBytes?: number;
  /** What becomes of a larger answer. Default `fail`. */
  beyond?: 'fail' | 'cut';
  /** `answer` gives the redirect itself as the answer. Default `follow`. */
  redirects?: 'follow' | 'answer';
  /** For everything together: names, redirects and body. Default 10,000. */
  timeoutMs?: number;
  /** Stops the call, which then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface SafeResponse {
  status: number;
  /** Names in lower case; repeated ones are joined by a comma. */
  headers: Record<string, string>;
  /** As received: no content coding is asked for, and none is undone. */
  body: Buffer;
  /** Where the answer came from, after redirects. */
  url: string;
}

type Reason = 'url' | 'scheme' | 'userinfo' | 'port' | 'address' | 'method' | 'request';

const CONNECTION_HEADERS = /^(host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect|keep-alive|proxy-.*)$/;
/** What may follow to another origin; everything else (cookies, keys, signatures) may be a credential. */
const PORTABLE_HEADERS = new Set(['accept', 'accept-encoding', 'accept-language', 'content-type', 'user-agent']);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Azure answers its machines' metadata on this public address. */
const METADATA_ADDRESSES = new Set(['168.63.129.16']);

/** One hop, as it will be sent. */
interface Hop {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Buffer | undefined;
}

/**
 * The only way out for addresses that users choose. http(s) to public addresses on the web's ports; the addresses of a name are
 * checked where the connection takes them from, so a name cannot change between check and use; redirects are followed by hand and
 * checked again; credentials do not follow to another origin. What the other server says appears in no error.
 */
export class SafeFetch {
  private readonly allowed: { host: string; port: string | null }[];
  private readonly ports: Set<string>;
  private readonly isPublic: (address: string) => boolean;
  private readonly guarded: Agent;
  private readonly trusting: Agent;

  constructor(private readonly options: SafeFetchOptions) {
    this.allowed = options.allow.map(readAllowed);
    this.ports = new Set((options.ports ?? [80, 443]).map(String));
    this.isPublic = options.isPublic ?? isPublicAddress;
    const agent = (lookup: LookupFunction) => new Agent({ connect: { lookup, timeout: 10_000 }, pipelining: 0 });
    this.guarded = agent(this.lookupFor((address) => this.isPublic(address)));
    this.trusting = agent(this.lookupFor(() => true));
  }

  /**
   * @throws Forbidden `outbound.refused` when the address, or one it redirects to, may not be called; nothing was sent to it.
   * @throws Unavailable `outbound.failed` when the other server cannot be reached, is too slow, or answers too much.
   */
  async fetch(url: string, { timeoutMs = 10_000, signal, ...input }: SafeRequest = {}): Promise<SafeResponse> {
    const late = AbortSignal.timeout(timeoutMs);
    const stop = signal ? AbortSignal.any([signal, late]) : late;
    try {
      stop.throwIfAborted();
      return await unlessStopped(this.follow(firstHop(url, input), { ...input, timeoutMs, stop }), stop);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (late.aborted) throw failed('timeout');
      throw asDomainError(error);
    }
  }

  /** Says at once, before anything is called, that an address may not be. What its name leads to is looked at when it is. @throws Forbidden `outbound.refused` */
  assertCallable(url: string): void {
    this.dispatcherFor(readUrl(url));
  }

  async close(): Promise<void> {
    await Promise.all([this.guarded.destroy(), this.trusting.destroy()]);
  }

  private async follow(
    first: Hop,
    limits: Pick<SafeRequest, 'maxBytes' | 'beyond' | 'redirects'> & { timeoutMs: number; stop: AbortSignal },
  ): Promise<SafeResponse> {
    let hop = first;
    for (let redirects = 0; ; redirects++) {
      const response = await request(hop.url, {
        dispatcher: this.dispatcherFor(hop.url),
        method: hop.method,
        headers: { 'accept-encoding': 'identity', ...hop.headers },
        body: hop.body,
        signal: limits.stop,
        headersTimeout: limits.timeoutMs,
        bodyTimeout: limits.timeoutMs,
      });
      const headers = flatten(response.headers);
      if (limits.redirects === 'answer' || !REDIRECTS.has(response.statusCode) || headers.location === undefined) {
        const body = await readBody(response.body, hop.method === 'HEAD' ? undefined : headers['content-length'], limits);
        return { status: response.statusCode, headers, body, url: hop.url.href };
      }
      discard(response.body);
      if (redirects >= (this.options.maxRedirects ?? 3)) throw failed('too_many_redirects');
      hop = nextHop(hop, response.statusCode, headers.location);
    }
  }

  /**
   * Who dials for a caller that streams its answer and follows no redirect. Literal addresses are judged here, since connections look up
   * names only.
   * @throws Forbidden `outbound.refused`; the connection fails with it when a name leads to an address that may not be called.
   */
  dispatcherFor(url: URL): Agent {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused('scheme');
    if (url.username || url.password) throw refused('userinfo');
    const host = hostOf(url);
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    if (this.allowed.some((one) => one.host === host && (one.port ?? port) === port)) return this.trusting;
    if (!this.ports.has(port)) throw refused('port');
    if (host === 'localhost' || host.endsWith('.localhost')) throw refused('address');
    if (isIP(host) && !this.isPublic(host)) throw refused('address');
    return this.guarded;
  }

  /** One bad address among several refuses the name: the connection may try any of them. */
  private lookupFor(mayCall: (address: string) => boolean): LookupFunction {
    const lookup = this.options.lookup ?? ((hostname: string) => systemLookup(hostname, { all: true }));
    return (hostname, options, callback) => {
      lookup(hostname).then(
        (addresses) => {
          const [first] = addresses;
          if (!first) return callback(failed('no_address'), '', 0);
          if (!addresses.every(({ address }) => mayCall(address))) return callback(refused('address'), '', 0);
          return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, '', 0),
      );
    };
  }
}

/** Whether an address is one of the public internet's: no private, local, shared, mapped, tunnelled, reserved or metadata address. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || METADATA_ADDRESSES.has(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  // Global unicast is 2000::/3; the rest that has no name yet is not assigned to anyone.
  return parsed.kind() === 'ipv4' || ((parsed.toByteArray()[0] ?? 0) & 0xe0) === 0x20;
}

function firstHop(url: string, input: Pick<SafeRequest, 'method' | 'headers' | 'body'>): Hop {
  const method = (input.method ?? 'GET').toUpperCase();
  if (!/^[A-Z]{3,16}$/.test(method) || method === 'CONNECT' || method === 'TRACE') throw refused('method');
  const headers = Object.entries(input.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    url: readUrl(url),
    method,
    headers: Object.fromEntries(headers.filter(([name]) => !CONNECTION_HEADERS.test(name))),
    body: input.body,
  };
}

/** As browsers do: 303, and 301/302 after a POST, become a GET without body. */
function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = readUrl(location, hop.url);
  const becomesGet = hop.method !== 'HEAD' && (status === 303 || (status < 303 && hop.method === 'POST'));
  const kept = Object.entries(hop.headers)
    .filter(([name]) => url.origin === hop.url.origin || PORTABLE_HEADERS.has(name))
    .filter(([name]) => !becomesGet || !name.startsWith('content-'));
  return { url, method: becomesGet ? 'GET' : hop.method, headers: Object.fromEntries(kept), body: becomesGet ? undefined : hop.body };
}

function readUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw refused('url');
  return new URL(text, base);
}

/** Without brackets and without the dot that ends an absolute name. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function readAllowed(entry: string): { host: string; port: string | null } {
  const port = /(?:^[^:]*|\]):(\d+)$/.exec(entry)?.[1] ?? null;
  const name = port === null ? entry : entry.slice(0, -port.length - 1);
  return { host: hostOf(new URL(`http://${isIP(name) === 6 ? `[${name}]` : name}`)), port };
}

/** A request that still resolves a name or dials does not hear its signal; its caller goes on all the same. */
function unlessStopped<T>(call: Promise<T>, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onStop = () => reject(stop.reason);
    stop.addEventListener('abort', onStop, { once: true });
    call.then(resolve, reject).finally(() => stop.removeEventListener('abort', onStop));
  });
}

async function readBody(
  body: Dispatcher.ResponseData['body'],
  length: string | undefined,
  { maxBytes = 5 * 1024 * 1024, beyond = 'fail' }: Pick<SafeRequest, 'maxBytes' | 'beyond'>,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    if (beyond === 'fail' && Number(length) > maxBytes) throw failed('too_large');
    for await (const part of body as AsyncIterable<Buffer>) {
      bytes += part.length;
      parts.push(part);
      if (bytes <= maxBytes) continue;
      if (beyond === 'fail') throw failed('too_large');
      discard(body);
      return Buffer.concat(parts).subarray(0, maxBytes);
    }
    return Buffer.concat(parts);
  } catch (error) {
    discard(body);
    throw error;
  }
}

/** Ends the connection rather than reading on; what the body says then is nobody's business. */
function discard(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => undefined).destroy();
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const present = Object.entries(headers).filter((one): one is [string, string | string[]] => one[1] !== undefined);
  return Object.fromEntries(present.map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]));
}

function asDomainError(error: unknown): DomainError {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (at instanceof DomainError) return at;
  }
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'UND_ERR_INVALID_ARG' ? refused('request') : failed(typeof code === 'string' ? code : 'network');
}

const NOT_PUBLIC =
  'This address may not be called from here: it is not public, or its port is not 80 or 443. The operator can allow it (OUTBOUND_ALLOW).';
const REFUSALS: Partial<Record<Reason, string>> = {
  method: 'A method has three to sixteen letters, and CONNECT and TRACE may not be used from here.',
  request: 'The request cannot be sent: one of its headers has a name or value that HTTP does not allow.',
  scheme: 'Only addresses of http and https may be called from here.',
  userinfo: 'An address that holds a user or password may not be called from here.',
  port: NOT_PUBLIC,
  address: NOT_PUBLIC,
};

function refused(reason: Reason): Forbidden {
  return new Forbidden('outbound.refused', REFUSALS[reason] ?? 'This address may not be called from here.', { params: { reason } });
}

function failed(reason: string): Unavailable {
  return new Unavailable('outbound.failed', 'The call to the other server failed.', { params: { reason } });
}
