import { randomUUID } from 'node:crypto';
import type { CreatedInvitation, Problem, Role, SignedIn } from '@atrium/contracts';
import { testRun } from './run.js';

export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
}

/** How often a request is sent to a server that sheds load: for about 20 seconds. */
const MAX_TRIES = 40;

/** A client of the running app; `token` null: nobody is signed in. */
export class Api {
  constructor(
    readonly token: string | null,
    readonly baseUrl = testRun().baseUrl,
  ) {}

  /** Any answer, whatever its status; what was turned away unread, because the server sheds load, is sent again. */
  async call<T = unknown>(method: string, path: string, options: CallOptions = {}): Promise<Answer<T>> {
    for (let tries = 1; ; tries++) {
      const answer = await this.send<T>(method, path, options);
      if (answer.status !== 503 || (answer.body as Problem).code !== 'request.overloaded' || tries === MAX_TRIES) return answer;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  private async send<T>(method: string, path: string, { body, headers, query }: CallOptions): Promise<Answer<T>> {
    const url = new URL(path, this.baseUrl);
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value));
    const isForm = body instanceof FormData;
    const response = await fetch(url, {
      method,
      headers: {
        ...(this.token ? { authorization: `Bearer ${this.token}` } : {}),
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && !/ndjson/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: (isJson && text ? JSON.parse(text) : text) as T };
  }

  /** The body of a 2xx answer; anything else fails the test with the problem. */
  async ok<T>(method: string, path: string, options?: CallOptions): Promise<T> {
    const answer = await this.call<T>(method, path, options);
    if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  get<T>(path: string, query?: CallOptions['query']): Promise<T> {
    return this.ok<T>('GET', path, query ? { query } : {});
  }
  post<T>(path: string, body: unknown = {}, headers?: Record<string, string>): Promise<T> {
    return this.ok<T>('POST', path, { body, ...(headers ? { headers } : {}) });
  }
  put<T>(path: string, body: unknown = {}): Promise<T> {
    return this.ok<T>('PUT', path, { body });
  }
  patch<T>(path: string, body: unknown): Promise<T> {
    return this.ok<T>('PATCH', path, { body });
  }
  delete<T>(path: string): Promise<T> {
    return this.ok<T>('DELETE', path);
  }

  /** The problem of an answer that must fail with this status. */
  async refused(status: number, method: string, path: string, options?: CallOptions): Promise<Problem> {
    const answer = await this.call<Problem>(method, path, options);
    if (answer.status !== status)
      throw new Error(`${method} ${path} answered ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}

export interface Person extends SignedIn {
  api: Api;
  email: string;
  password: string;
}

export const anonymous = (baseUrl?: string) => new Api(null, baseUrl);

const person = (signedIn: SignedIn, email: string, password: string, baseUrl: string): Person => ({
  ...signedIn,
  email,
  password,
  api: new Api(signedIn.accessToken, baseUrl),
});

/** A new organization with its owner, by the public route. */
export async function newOrganization(name = 'Acme', baseUrl = testRun().baseUrl): Promise<Person> {
  const email = `owner-${randomUUID()}@example.com`;
  const password = `pw ${randomUUID()}`;
  const signedIn = await anonymous(baseUrl).post<SignedIn>('/v1/auth/register', {
    email,
    password,
    displayName: 'Olivia Owner',
    organizationName: name,
  });
  return person(signedIn, email, password, baseUrl);
}

/** A colleague in the organization of `inviter`, by invitation. */
export async function newColleague(
  inviter: Person,
  role: Role = 'member',
  displayName = `Colleague ${randomUUID().slice(0, 8)}`,
): Promise<Person> {
  const email = `${role}-${randomUUID()}@example.com`;
  const password = `pw ${randomUUID()}`;
  const invitation = await inviter.api.post<CreatedInvitation>('/v1/invitations', { email, role });
  const signedIn = await anonymous(inviter.api.baseUrl).post<SignedIn>('/v1/invitations/accept', {
    token: invitation.token,
    password,
    displayName,
  });
  return person(signedIn, email, password, inviter.api.baseUrl);
}

/** Waits until `probe` gives a value, asking ever less often, so that those who wait leave the processors to what they wait for; fails with `what` after `ms`. */
export async function eventually<T>(what: string, probe: () => Promise<T | null | undefined | false>, ms = 40_000): Promise<T> {
  const end = Date.now() + ms;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 1.4, 250)) {
    const value = await probe();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
