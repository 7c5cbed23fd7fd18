import { randomBytes, randomUUID } from 'node:crypto';
import { anonymous, newColleague } from '../lib/api.js';
import { isFailure } from '../lib/fuzz.js';
import { LiveClient } from '../lib/live-client.js';
import { type Call, newTenant, type RawAnswer, send, type Tenant } from '../lib/matrix.js';
import { openApi, type Operation, operationsOf } from '../lib/openapi.js';
import { testRun } from '../lib/run.js';
import { openTestApp } from '../lib/test-app.js';
import { CONTROLS } from './controls.js';

const OWN = 'https://atrium.example.com';
/** None of them is the server's own origin, however much it looks like it. */
const SPOOFED_ORIGINS = [
  'null',
  '*',
  'http://atrium.example.com',
  'https://atrium.example.com.evil.example',
  'https://evil-atrium.example.com',
  'https://atrium.example.com:8443',
  'https://atrium.example.com/',
  'https://sub.atrium.example.com',
  'https://ATRIUM.example.com.',
  'https://atrium.example.com@evil.example',
  'https://evil.example#atrium.example.com',
  'https://evil.example/?https://atrium.example.com',
  'https://atrium.example.com https://evil.example',
  'https://atriumxexample.com',
  'https://example.com',
  'file://',
  'http://localhost:3000',
  'http://127.0.0.1',
  'chrome-extension://atrium',
  'https://xn--trium-0ua.example.com',
];

/** The rules that an answer's headers break. */
function broken(path: string, { status, headers, text }: RawAnswer, requestId: string): string[] {
  const policy = headers['content-security-policy'] ?? '';
  const rules: Record<string, boolean> = {
    'X-Content-Type-Options: nosniff': headers['x-content-type-options'] === 'nosniff',
    "Content-Security-Policy: default-src 'none'": policy.includes("default-src 'none'"),
    "Content-Security-Policy: frame-ancestors 'none'": policy.includes("frame-ancestors 'none'"),
    'Content-Security-Policy: sandbox': /(^|;)\s*sandbox/.test(policy),
    'Cache-Control: no-store': (headers['cache-control'] ?? '').includes('no-store'),
    'no Server': headers['server'] === undefined,
    'no X-Powered-By': headers['x-powered-by'] === undefined,
    'Referrer-Policy: no-referrer': headers['referrer-policy'] === 'no-referrer',
    'Cross-Origin-Resource-Policy': headers['cross-origin-resource-policy'] !== undefined,
    'no Access-Control-Allow-Origin without an origin': headers['access-control-allow-origin'] === undefined,
    'X-Request-Id as sent': headers['x-request-id'] === requestId,
    'a Content-Type for what has a body': text === '' || headers['content-type'] !== undefined,
    'problem details for failures': status < 400 || isFailure(path, headers['content-type'] ?? ''),
  };
  return Object.entries(rules).flatMap(([rule, holds]) => (holds ? [] : [rule]));
}

describe('the headers of every route', () => {
  let tenant: Tenant;
  let operations: Operation[];
  beforeAll(async () => {
    tenant = await newTenant(`headers${randomBytes(4).toString('hex')}`);
    operations = operationsOf(await openApi());
  }, 120_000);

  it('hold every rule, for success and for failure', async () => {
    const findings: string[] = [];
    for (const operation of operations) {
      const control = CONTROLS[operation.id];
      if (!control) continue;
      const by = control.asNewPerson ? await newColleague(tenant.owner, 'admin') : tenant.owner;
      const calls: [string, Call, boolean][] = [
        ['anonymous', {}, false],
        ['without what it needs', {}, true],
        ['as it should be', await control.call(tenant, by), true],
      ];
      for (const [what, call, isSigned] of calls) {
        const requestId = randomUUID();
        const answer = await send(isSigned ? by.api : anonymous(), operation, call, requestId);
        findings.push(...broken(operation.path, answer, requestId).map((rule) => `${operation.id} ${what} (${answer.status}): ${rule}`));
      }
    }
    expect(findings).toEqual([]);
  }, 120_000);

  it.each(['/nothing', '/v1/nothing', '/healthz', '/readyz', '/health', '/metrics', '/openapi.json'])('hold on %s', async (path) => {
    const requestId = randomUUID();

    const answer = await send(anonymous(), { method: 'GET', path }, {}, requestId);

    expect(broken(path, answer, requestId)).toEqual([]);
  });

  it.each([`/v1/channels/${'x'.repeat(5_000)}`, '/v1/channels/%', '/%ff%fe'])('hold for a URL that is none', async (path) => {
    const response = await fetch(`${testRun().baseUrl}${path}`);

    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  });

  it('let the reference page run what it brings, and nothing from elsewhere', async () => {
    const page = await fetch(`${testRun().baseUrl}/docs`);
    const policy = page.headers.get('content-security-policy') ?? '';
    const html = await page.text();
    const [, ...scripts] = html.split('<script');

    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(policy).toContain("connect-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('sandbox');
    expect(scripts.length).toBeGreaterThan(0);
    // A script without a source, or with one of another host, would be blocked.
    expect(scripts.filter((script) => !/^[^>]*src="\.?\/[^/]/.test(script))).toEqual([]);
    expect(html).not.toMatch(/(src|href)="https?:/);
    expect((await fetch(`${testRun().baseUrl}/docs/swagger-ui-bundle.js`)).status).toBe(200);
    expect((await fetch(`${testRun().baseUrl}/docsx`)).headers.get('content-security-policy')).toContain('sandbox');
  });

  it('make a download an attachment of no type that a browser runs', async () => {
    const response = await fetch(`${testRun().baseUrl}/v1/documents/${tenant.document.id}/content`, {
      headers: { authorization: `Bearer ${tenant.owner.accessToken}` },
    });

    expect(response.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(response.headers.get('content-security-policy')).toContain('sandbox');
    expect(response.headers.get('content-type')).not.toMatch(/html|svg|xml|javascript/);
  });
});

describe('other origins', () => {
  it('get no CORS headers, and no socket, when the server knows its own', async () => {
    const { app, close } = await openTestApp({ PUBLIC_URL: OWN });
    try {
      await app.listen(0, '127.0.0.1');
      const baseUrl = `http://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}`;
      const allowed: string[] = [];
      for (const origin of SPOOFED_ORIGINS) {
        const headers = { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };
        for (const method of ['GET', 'OPTIONS']) {
          const response = await fetch(`${baseUrl}/v1/me`, { method, headers });
          if (response.headers.has('access-control-allow-origin')) allowed.push(`${method} from ${origin}`);
          if (!(response.headers.get('vary') ?? '').includes('Origin')) allowed.push(`no Vary for ${origin}`);
        }
        const socket = await LiveClient.open({ baseUrl, headers: { origin } }).catch(() => null);
        if (socket) allowed.push(`socket from ${origin}`);
        await socket?.close();
      }
      expect(allowed).toEqual([]);

      const own = await fetch(`${baseUrl}/v1/me`, { headers: { origin: OWN } });
      expect(own.headers.get('access-control-allow-origin')).toBe(OWN);
      expect(own.headers.get('strict-transport-security')).toBe('max-age=63072000; includeSubDomains');
      await (await LiveClient.open({ baseUrl, headers: { origin: OWN } })).close();
    } finally {
      await close();
    }
  });

  it('get no CORS headers from a server that was told no origin', async () => {
    const allowed: string[] = [];
    for (const origin of [...SPOOFED_ORIGINS, OWN]) {
      const response = await fetch(`${testRun().baseUrl}/v1/me`, { headers: { origin } });
      if (response.headers.has('access-control-allow-origin')) allowed.push(origin);
    }
    expect(allowed).toEqual([]);
  });
});
