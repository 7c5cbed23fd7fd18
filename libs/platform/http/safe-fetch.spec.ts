import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { isPublicAddress, SafeFetch, type SafeFetchOptions } from './safe-fetch.js';

const SECRET = 'INTERNAL-SECRET';
/** 127.0.0.2 plays the internet: no test leaves this machine. */
const isPublic = (address: string) => address === '127.0.0.2' || isPublicAddress(address);

let internal: Server;
let outside: Server;
let other: Server;
let internalPort = 0;
let port = 0;
let otherPort = 0;
let internalHits = 0;
let flips = 0;
const seen: { method?: string; url?: string; headers: IncomingMessage['headers']; body: string }[] = [];
const opened: SafeFetch[] = [];

const ZONE: Record<string, () => string[]> = {
  'public.test': () => ['127.0.0.2'],
  'inside.test': () => ['127.0.0.1'],
  'mixed.test': () => ['127.0.0.2', '127.0.0.1'],
  'mixed-6.test': () => ['127.0.0.2', '::1'],
  'rebind.test': () => [flips++ % 2 === 0 ? '127.0.0.2' : '127.0.0.1'],
  'mapped.test': () => ['::ffff:127.0.0.1'],
  'nothing.test': () => [],
  localhost: () => ['127.0.0.1'],
};

function lookup(hostname: string) {
  const answer = ZONE[hostname.replace(/\.$/, '')];
  if (!answer) return Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
  return Promise.resolve(answer().map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
}

function listen(host: string, handler: RequestListener): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer(handler).listen(0, host, () => resolve(server));
  });
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

const site: RequestListener = (req, res) => {
  const parts: Buffer[] = [];
  req.on('data', (part: Buffer) => parts.push(part));
  req.on('end', () => {
    seen.push({ method: req.method, url: req.url, headers: req.headers, body: Buffer.concat(parts).toString() });
    const [, path, status] = /^\/([a-z-]*)(?:\/(\d+))?/.exec(req.url ?? '') ?? [];
    const redirect = (location: string) => res.writeHead(Number(status ?? 302), { location }).end(SECRET);
    if (path === 'to-inside') redirect(`http://127.0.0.1:${internalPort}/`);
    else if (path === 'to-inside-name') redirect(`http://inside.test:${internalPort}/`);
    else if (path === 'to-file') redirect('file:///etc/passwd');
    else if (path === 'to-userinfo') redirect(`http://user:word@public.test:${port}/`);
    else if (path === 'to-nowhere') redirect('http://[');
    else if (path === 'to-other') redirect(`http://public.test:${otherPort}/back`);
    else if (path === 'back') redirect(`http://public.test:${port}/end`);
    else if (path === 'relative') redirect('../end');
    else if (path === 'loop') redirect('/loop');
    else if (path === 'big') bigBody(res);
    else if (path === 'announced') res.writeHead(200, { 'content-length': '99999999' })[req.method === 'HEAD' ? 'end' : 'write']('x');
    else if (path === 'slow') res.writeHead(200).write('x');
    else if (path === 'silent') res.setTimeout(0);
    else if (path === 'cut') res.writeHead(200, { 'content-length': '100' }).write(SECRET, () => res.destroy());
    else res.writeHead(200, { 'x-two': ['a', 'b'] }).end('hello');
  });
};

function bigBody(res: Parameters<RequestListener>[1]): void {
  const block = Buffer.alloc(64 * 1024, 65);
  const more = () => {
    while (!res.destroyed && res.write(block));
  };
  res.on('drain', more).writeHead(200);
  more();
}

beforeAll(async () => {
  internal = await listen('127.0.0.1', (_req, res) => {
    internalHits += 1;
    res.end(SECRET);
  });
  [outside, other] = await Promise.all([listen('127.0.0.2', site), listen('127.0.0.2', site)]);
  [internalPort, port, otherPort] = [portOf(internal), portOf(outside), portOf(other)];
});
beforeEach(() => {
  internalHits = 0;
  flips = 0;
  seen.length = 0;
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  for (const server of [internal, outside, other]) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

function safeFetch(options: Partial<SafeFetchOptions> = {}): SafeFetch {
  const one = new SafeFetch({ allow: [], ports: [80, 443, port, otherPort, internalPort], lookup, isPublic, ...options });
  opened.push(one);
  return one;
}

const refusal = (reason: string) => ({ kind: 'Forbidden', code: 'outbound.refused', options: { params: { reason } } });
const failure = (reason: string) => ({ kind: 'Unavailable', code: 'outbound.failed', options: { params: { reason } } });

const HOSTILE_HOSTS = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.0.0.1.',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0x7f.0x0.0x0.0x1',
  '0177.0.0.1',
  '017700000001',
  '0',
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '10.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.257',
  '3232235521',
  '169.254.169.254',
  '169.254.170.2',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '168.63.129.16',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '[::]',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::127.0.0.1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b:1::10.0.0.1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::1]',
  '[2001:0:7f00:1::]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[fc00::1]',
  '[fd00:ec2::254]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[100::1]',
  '[4000::1]',
  '[::1:2:3]',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'app.localhost',
  '127。0。0。1',
  '①②⑦.0.0.1',
];

describe('hostile addresses', () => {
  it.each(HOSTILE_HOSTS)('refuses %s', async (host) => {
    const fetcher = safeFetch({ isPublic: isPublicAddress });

    await expect(fetcher.fetch(`http://${host}/`)).rejects.toMatchObject(refusal('address'));
    await expect(fetcher.fetch(`http://${host}:${internalPort}/`)).rejects.toMatchObject(refusal('address'));
    expect(internalHits).toBe(0);
  });

  it.each([
    ['http://user:word@public.test/', 'userinfo'],
    ['http://public.test@127.0.0.1/', 'userinfo'],
    ['http://:word@public.test/', 'userinfo'],
    ['file:///etc/passwd', 'scheme'],
    ['ftp://public.test/', 'scheme'],
    ['gopher://public.test/', 'scheme'],
    ['data:text/plain,x', 'scheme'],
    ['javascript:alert(1)', 'scheme'],
    ['unix:/run/docker.sock', 'scheme'],
    ['http://public.test:22/', 'port'],
    ['http://public.test:6379/', 'port'],
    ['https://public.test:5432/', 'port'],
    ['http://[fe80::1%25eth0]/', 'url'],
    ['http://1.2.3.4.5.256/', 'url'],
    ['//public.test/', 'url'],
    ['', 'url'],
  ])('refuses %s', async (url, reason) => {
    await expect(safeFetch().fetch(url)).rejects.toMatchObject(refusal(reason));
  });

  it.each(['93.184.216.34', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    'knows %s as public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  it.each(['CONNECT', 'TRACE', 'GET /x HTTP/1.1\r\nHost: a', ''])('refuses the method %j', async (method) => {
    await expect(safeFetch().fetch(`http://public.test:${port}/`, { method })).rejects.toMatchObject(refusal('method'));
  });

  it('refuses headers that would end a line', async () => {
    const call = safeFetch().fetch(`http://public.test:${port}/`, { headers: { 'x-a': 'b\r\nx-c: d' } });

    await expect(call).rejects.toMatchObject(refusal('request'));
    expect(seen).toHaveLength(0);
  });
});

describe('names', () => {
  it('calls one whose addresses are public', async () => {
    const response = await safeFetch().fetch(`http://public.test:${port}/end`);

    expect(response).toMatchObject({ status: 200, url: `http://public.test:${port}/end`, headers: { 'x-two': 'a, b' } });
    expect(response.body.toString()).toBe('hello');
  });

  it.each(['inside.test', 'inside.test.', 'mixed.test', 'mixed-6.test', 'mapped.test'])('refuses %s', async (name) => {
    await expect(safeFetch().fetch(`http://${name}:${internalPort}/`)).rejects.toMatchObject(refusal('address'));
    expect(internalHits).toBe(0);
  });

  it('dials the address it has checked, when a name changes from call to call', async () => {
    const fetcher = safeFetch();
    const url = `http://rebind.test:${port}/end`;

    await expect(fetcher.fetch(url)).resolves.toMatchObject({ status: 200 });
    expect(flips).toBe(1);
    await expect(fetcher.fetch(url)).rejects.toMatchObject(refusal('address'));
    await expect(fetcher.fetch(url)).resolves.toMatchObject({ status: 200 });
    expect(internalHits).toBe(0);
  });

  it.each([
    ['unknown.test', 'ENOTFOUND'],
    ['nothing.test', 'no_address'],
  ])('fails for %s', async (name, reason) => {
    await expect(safeFetch().fetch(`http://${name}/`)).rejects.toMatchObject(failure(reason));
  });
});

describe('what the operator allows', () => {
  it.each([
    ['a host on every port', () => 'inside.test', () => `http://inside.test:${internalPort}/`],
    ['a host with its port', () => `inside.test:${internalPort}`, () => `http://INSIDE.test.:${internalPort}/`],
    ['an address', () => `127.0.0.1:${internalPort}`, () => `http://2130706433:${internalPort}/`],
    ['localhost', () => 'localhost', () => `http://localhost:${internalPort}/`],
  ])('calls %s', async (_what, allow, url) => {
    await expect(safeFetch({ allow: [allow()], ports: [] }).fetch(url())).resolves.toMatchObject({ status: 200 });
  });

  it.each([
    ['another port', () => 'inside.test:1', () => `http://inside.test:${internalPort}/`],
    ['a name below', () => 'test', () => `http://inside.test:${internalPort}/`],
    ['another name of the address', () => 'localhost', () => `http://127.0.0.1:${internalPort}/`],
    ['an IPv6 address on another port', () => '[::1]:1', () => `http://[::1]:${internalPort}/`],
  ])('does not extend to %s', async (_what, allow, url) => {
    await expect(safeFetch({ allow: [allow()] }).fetch(url())).rejects.toMatchObject(refusal('address'));
    expect(internalHits).toBe(0);
  });

  it('does not extend to where an allowed host redirects', async () => {
    const allow = [`public.test:${port}`];

    await expect(safeFetch({ allow }).fetch(`http://public.test:${port}/to-inside`)).rejects.toMatchObject(refusal('address'));
    expect(internalHits).toBe(0);
  });
});

describe('redirects', () => {
  it.each([
    ['to-inside', 'address'],
    ['to-inside/307', 'address'],
    ['to-inside-name', 'address'],
    ['to-file', 'scheme'],
    ['to-userinfo', 'userinfo'],
    ['to-nowhere', 'url'],
  ])('refuses %s', async (path, reason) => {
    await expect(safeFetch().fetch(`http://public.test:${port}/${path}`)).rejects.toMatchObject(refusal(reason));
    expect(internalHits).toBe(0);
  });

  it('gives up after three', async () => {
    await expect(safeFetch().fetch(`http://public.test:${port}/loop`)).rejects.toMatchObject(failure('too_many_redirects'));
    expect(seen).toHaveLength(4);
  });

  it('is the answer itself where the caller follows none', async () => {
    const response = await safeFetch().fetch(`http://public.test:${port}/to-inside`, { redirects: 'answer' });

    expect(response).toMatchObject({ status: 302, headers: { location: `http://127.0.0.1:${internalPort}/` } });
    expect([seen.length, internalHits]).toEqual([1, 0]);
  });

  it('keeps method, body and credentials within an origin for 307', async () => {
    const headers = { Authorization: 'Bearer t', 'Content-Type': 'text/plain' };

    const { url } = await safeFetch().fetch(`http://public.test:${port}/relative/307`, { method: 'POST', headers, body: 'hi' });

    expect(url).toBe(`http://public.test:${port}/end`);
    expect(seen[1]).toMatchObject({ method: 'POST', body: 'hi', headers: { authorization: 'Bearer t', 'content-type': 'text/plain' } });
  });

  it.each([301, 302, 303])('turns a POST into a GET for %i', async (status) => {
    await safeFetch().fetch(`http://public.test:${port}/relative/${status}`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: 'hi',
    });

    expect(seen[1]).toMatchObject({ method: 'GET', body: '' });
    expect(seen[1]?.headers).not.toHaveProperty('content-type');
  });

  it('drops credentials on the way to another origin, and does not find them again on the way back', async () => {
    const headers = { authorization: 'Bearer t', cookie: 'a=b', 'x-api-key': 'k', 'webhook-signature': 's', accept: 'text/html' };

    await safeFetch().fetch(`http://public.test:${port}/to-other`, { headers });

    expect(seen.map(({ url }) => url)).toEqual(['/to-other', '/back', '/end']);
    expect(seen[0]?.headers).toMatchObject(headers);
    for (const { headers: later } of seen.slice(1)) {
      expect(Object.keys(later).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host']);
    }
  });
});

describe('limits', () => {
  it('stops reading a body that grows too large', async () => {
    const before = process.memoryUsage().rss;

    await expect(safeFetch().fetch(`http://public.test:${port}/big`, { maxBytes: 1_000_000 })).rejects.toMatchObject(failure('too_large'));
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });

  it('reads nothing of a body that announces too much', async () => {
    const url = `http://public.test:${port}/announced`;

    await expect(safeFetch().fetch(url)).rejects.toMatchObject(failure('too_large'));
    await expect(safeFetch().fetch(url, { method: 'HEAD' })).resolves.toMatchObject({ headers: { 'content-length': '99999999' } });
  });

  it('cuts a body of which the caller wants the beginning only', async () => {
    const response = await safeFetch().fetch(`http://public.test:${port}/big`, { maxBytes: 3, beyond: 'cut' });

    expect(response).toMatchObject({ status: 200 });
    expect(response.body).toHaveLength(3);
  });

  it('takes a body of exactly the limit', async () => {
    await expect(safeFetch().fetch(`http://public.test:${port}/end`, { maxBytes: 5 })).resolves.toMatchObject({ status: 200 });
    await expect(safeFetch().fetch(`http://public.test:${port}/end`, { maxBytes: 4 })).rejects.toMatchObject(failure('too_large'));
  });

  it.each(['slow', 'silent'])('ends a %s answer in time', async (path) => {
    const started = performance.now();

    await expect(safeFetch().fetch(`http://public.test:${port}/${path}`, { timeoutMs: 200 })).rejects.toMatchObject(failure('timeout'));
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it('ends a resolver that hangs in time', async () => {
    const fetcher = safeFetch({ lookup: () => new Promise(() => undefined) });

    await expect(fetcher.fetch('http://public.test/', { timeoutMs: 200 })).rejects.toMatchObject(failure('timeout'));
  });

  it('ends with the reason of the caller’s signal', async () => {
    const caller = new AbortController();
    setTimeout(() => caller.abort(new Error('not needed any more')), 50);

    const call = safeFetch().fetch(`http://public.test:${port}/slow`, { signal: caller.signal });

    await expect(call).rejects.toThrow('not needed any more');
  });

  it('tells nothing of what the other server said', async () => {
    const error: unknown = await safeFetch()
      .fetch(`http://public.test:${port}/cut`)
      .catch((caught: unknown) => caught);

    expect(error).toMatchObject({ code: 'outbound.failed' });
    expect(inspect(error, { depth: 9 })).not.toContain(SECRET);
  });
});

describe('headers of the connection', () => {
  it('are not the caller’s to set', async () => {
    const headers = {
      Host: 'inside.test',
      'Transfer-Encoding': 'chunked',
      'Content-Length': '1',
      'Proxy-Authorization': 'x',
      'X-Own': 'y',
    };

    await safeFetch().fetch(`http://public.test:${port}/end`, { method: 'POST', headers, body: 'hello' });

    expect(seen[0]).toMatchObject({ body: 'hello', headers: { host: `public.test:${port}`, 'content-length': '5', 'x-own': 'y' } });
    expect(seen[0]?.headers).not.toHaveProperty('proxy-authorization');
  });
});
