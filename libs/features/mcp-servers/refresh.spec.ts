import type { McpServerRow } from './mcp-server.js';
import { comparison } from './refresh.js';
import { foundTool, registryName, type ServerToolRow } from './server-tool.js';

const server = { orgId: 'org', id: 'server', name: 'crm' } as McpServerRow;
const at = new Date(0);
const found = (name: string, description = 'What it does.') => foundTool({ name, description, inputSchema: { type: 'object' } });
const rows = (state: string, ...tools: ReturnType<typeof found>[]): ServerToolRow[] =>
  comparison(server, [], tools, at).added.map((row) => ({ ...row, state }));

describe('comparison', () => {
  it('lets stand what is letter by letter as it was', () => {
    const { told, ...lists } = comparison(server, rows('allowed', found('a')), [found('a')], at);
    expect([told, ...Object.values(lists)].flat()).toEqual([]);
  });

  it('takes back what was allowed when anything of it changes, and nothing else', () => {
    const [allowed, blocked] = [rows('allowed', found('a')), rows('blocked', found('b'))];
    const { changed, told } = comparison(server, [...allowed, ...blocked], [found('a', 'New.'), found('b', 'New.')], at);
    expect(changed.map(({ name, state, description }) => [name, state, description])).toEqual([
      ['a', 'changed', 'New.'],
      ['b', 'blocked', 'New.'],
    ]);
    expect(told.map(({ name }) => name)).toEqual(['a']);
    const hinted = foundTool({
      name: 'a',
      description: 'What it does.',
      inputSchema: { type: 'object' },
      annotations: { readOnlyHint: true },
    });
    expect(comparison(server, allowed, [hinted], at).told).toHaveLength(1);
  });

  it('remembers what was reviewed while it is missing, and forgets the rest', () => {
    const known = [...rows('allowed', found('a')), ...rows('new', found('b'))];
    const { missing, dropped } = comparison(server, known, [], at);
    expect(missing).toMatchObject([{ name: 'a', state: 'allowed', missingSince: at }]);
    expect(dropped).toEqual([known[1]?.id]);
    expect(comparison(server, missing, [found('a')], at).changed).toMatchObject([{ state: 'allowed', missingSince: null }]);
  });
});

describe('a name in the registry', () => {
  it('is the server’s own where it can be, else one that tells it from others', () => {
    expect(registryName('crm', 'find_customer')).toBe('crm__find_customer');
    expect(registryName('crm', 'Find.Customer')).toMatch(/^crm__find_customer_[0-9a-f]{8}$/);
    expect(registryName('crm', 'find.customer')).not.toBe(registryName('crm', 'Find.Customer'));
    expect(registryName('c'.repeat(24), 'x'.repeat(128))).toMatch(/^[a-z][a-z0-9_]{63}$/);
  });

  it('belongs to the first of two that would have the same', () => {
    const marked = found(registryName('crm', 'A').slice('crm__'.length));
    expect(comparison(server, [], [found('A'), marked], at).added.map(({ name }) => name)).toEqual(['A']);
  });
});

it('finds a tool whose definition is nested without end unusable', () => {
  let deep: unknown = {};
  for (let level = 0; level < 100_000; level++) deep = { items: deep };
  for (const inputSchema of [
    { type: 'object', properties: { a: deep } },
    { type: 'object', examples: [deep] },
  ])
    expect(foundTool({ name: 'deep', inputSchema }).unusable).toContain('too deeply');
});
