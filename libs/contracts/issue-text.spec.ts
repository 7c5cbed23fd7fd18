import { z } from 'zod';
import { PatchChannel } from './chat.js';
import { AccessInput } from './access.js';
import { judged } from './judged.js';
import { CreateApiKey, Register } from './organizations.js';
import { PERMISSIONS } from './permissions.js';
import { CreateWebhook } from './webhooks.js';

const said = (schema: z.ZodType, value: unknown) =>
  judged(schema, value).error?.issues.map(({ path, message }) => `/${path.join('/')} ${message}`);

it.each<[z.ZodType, unknown, string]>([
  [z.string(), undefined, 'is missing'],
  [z.enum(['a', 'b']), undefined, 'is missing'],
  [z.union([z.string(), z.number()]), undefined, 'is missing'],
  [z.string(), 7, 'must be a string'],
  [z.number(), 'x', 'must be a number'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.coerce.number(), 'x', 'must be a number'],
  [z.boolean(), 'yes', 'must be true or false'],
  [z.array(z.string()), {}, 'must be a list'],
  [z.strictObject({}), [], 'must be an object'],
  [z.record(z.string(), z.string()), 'x', 'must be an object'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().min(12), 'short', 'must have at least 12 characters'],
  [z.string().max(1), 'ab', 'must have at most 1 character'],
  [z.string().length(3), 'ab', 'must have exactly 3 characters'],
  [z.array(z.string()).max(2), ['a', 'b', 'c'], 'must have at most 2 items'],
  [z.number().min(5), 1, 'must be at least 5'],
  [z.number().positive(), 0, 'must be more than 0'],
  [z.number().max(5), 9, 'must be at most 5'],
  [z.number().multipleOf(5), 9, 'must be a multiple of 5'],
  [z.enum(['a', 'b']), 'c', 'must be one of "a", "b"'],
  [z.literal(true), false, 'must be true'],
  [z.email(), 'x', 'must be an e-mail address'],
  [z.uuid(), 'x', 'must be a UUID'],
  [z.iso.datetime(), 'x', 'must be a time such as 2026-01-31T12:00:00.000Z'],
  [z.string().regex(/^a/), 'x', 'does not have the documented form'],
  [z.string().regex(/^a/, 'must begin with a'), 'x', 'must begin with a'],
  [z.string().nullable(), 7, 'must be a string'],
  [z.union([z.string(), z.array(z.string())]), 7, 'must be a string or a list'],
  [z.union([z.string(), z.strictObject({ a: z.string() })]), { a: 1 }, 'has none of the documented forms: a must be a string'],
  [z.union([z.enum(['a', 'b']), z.strictObject({})]), 'c', 'must be one of "a", "b" or an object'],
])('%#: says of a wrong value that it %3$s', (schema, value, text) => {
  expect(said(schema, value)).toEqual([`/ ${text}`]);
});

it('lists a few values, and of many those that are near or come first', () => {
  expect(said(CreateApiKey, { name: 'x', scopes: ['memory:reed'] })).toEqual([
    `/scopes/0 must be one of ${PERMISSIONS.map((name) => `"${name}"`).join(', ')}`,
  ]);
  const events = (...given: string[]) => said(CreateWebhook, { name: 'x', url: 'https://example.com', events: given }) ?? [];
  expect(events('task.created')[0]).toMatch(
    /^\/events\/0 is none of the \d+ documented values, of which these are near: .*"tasks\.created"/,
  );
  expect(events('everything')[0]).toMatch(/values, which begin with: .*"tasks\.\*"/);
});

it('says of an access how it can be written', () => {
  const access = (given: unknown) => said(z.strictObject({ access: AccessInput }), { access: given });
  expect(access('team')).toEqual([expect.stringContaining('{"level": "team", "grants": [{"kind": "team", "id": "…"}]}')]);
  expect(access({ level: 'secret' })).toEqual([
    '/access has none of the documented forms: level must be one of "private", "team", "shared", "organization", "system"',
  ]);
  expect(access({ level: 'team' })).toEqual(['/access/grants must name somebody for team and shared, and nobody otherwise']);
});

it('says it at its place, and keeps what a schema says itself', () => {
  expect(said(Register, { email: 'x', password: 'short', displayName: 7 })).toEqual([
    '/email must be an e-mail address',
    '/password must have at least 10 characters',
    '/displayName must be a string',
    '/organizationName is missing',
  ]);
  expect(said(PatchChannel, { name: 'a\nb' })).toEqual(['/name must be one line', expect.stringContaining('/name must not contain')]);
});

it('names the forms of a union by what tells them apart', () => {
  const shape = z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('a') }), z.strictObject({ kind: z.literal('b') })]);

  expect(said(shape, { kind: 'c' })).toEqual(['/kind must be one of "a", "b"']);
});
