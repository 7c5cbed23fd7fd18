import { z } from 'zod';
import type { OrgId, Permission } from '@atrium/contracts';
import { type OrgContext, systemContext } from '@atrium/platform/tenancy';
import type { OfferedTool } from './tool.js';
import { ToolRegistry } from './tool.registry.js';

const ctx = systemContext('00000000-0000-7000-8000-000000000001' as OrgId, 'test');
const without = { ...ctx, permissions: new Set<Permission>() };
const double = {
  name: 'double',
  description: 'Doubles a number.',
  input: z.strictObject({ value: z.int(), times: z.int().default(2) }),
  output: z.strictObject({ value: z.int() }),
  permission: 'search:read' as Permission,
  effects: [],
  run: (_ctx: unknown, input: { value: number; times: number }) => Promise.resolve({ value: input.value * input.times }),
};

function registryWith(tool: typeof double = double): ToolRegistry {
  const registry = new ToolRegistry();
  registry.register(tool);
  return registry;
}

describe('ToolRegistry', () => {
  it('runs a tool with checked arguments, for those who may', async () => {
    const registry = registryWith();
    expect(await registry.call(ctx, 'double', { value: 3 })).toEqual({ value: 6 });
    await expect(registry.call(ctx, 'double', { value: 'x', more: 1 })).rejects.toMatchObject({ code: 'tools.invalid_arguments' });
    await expect(registry.call(without, 'double', { value: 'x' })).rejects.toMatchObject({ code: 'auth.permission_missing' });
    await expect(registry.call(ctx, 'triple', {})).rejects.toMatchObject({ code: 'tools.not_found' });
  });

  it('gives on nothing that the output has no place for', async () => {
    const registry = registryWith({ ...double, run: () => Promise.resolve({ value: 1, secret: 2 } as { value: number }) });
    await expect(registry.call(ctx, 'double', { value: 3 })).rejects.toThrow();
  });

  it('refuses a tool without permission, and a second one of a name', () => {
    expect(() => registryWith({ ...double, permission: undefined as never })).toThrow('declares no permission');
    const registry = registryWith();
    expect(() => registry.register(double)).toThrow('registered twice');
  });

  it('refuses a tool whose result is no object at the root', () => {
    const choice = z.union([z.strictObject({ value: z.int() }), z.strictObject({ none: z.literal(true) })]);
    for (const output of [z.array(z.int()), choice, z.json()])
      expect(() => registryWith({ ...double, output: output as never })).toThrow('the output of the tool double is no object');
  });

  it('shows a schema that has a name in OpenAPI as an object', async () => {
    const registry = registryWith({ ...double, output: double.output.meta({ id: 'Doubled' }) });
    const [[named], [plain]] = await Promise.all([registry.page(ctx, '', 9), registryWith().page(ctx, '', 9)]);
    expect(named?.outputSchema).toEqual(plain?.outputSchema);
  });

  it('lists with JSON schemas what the caller may use', async () => {
    const registry = registryWith();
    expect(await registry.page(without, '', 9)).toEqual([]);
    expect(await registry.page(ctx, '', 9)).toMatchObject([
      {
        name: 'double',
        inputSchema: { type: 'object', required: ['value'], additionalProperties: false },
        outputSchema: { required: ['value'] },
      },
    ]);
  });

  it('has the tools of a provider beside its own, for those to whom it offers them', async () => {
    const registry = registryWith();
    const [shape] = await registryWith({ ...double, name: 'other' }).page(ctx, '', 9);
    const tool = { ...double, name: 'other__double' };
    const offered = [{ tool, shape: { ...shape, name: tool.name } }] as unknown as OfferedTool[];
    const loaded: (readonly string[])[] = [];
    registry.provide({
      permission: 'search:read',
      names: ({ orgId }) => Promise.resolve(orgId === ctx.orgId ? [tool.name] : []),
      known: ({ orgId }, names) =>
        Promise.resolve([tool.name, 'other__asleep'].filter((one) => orgId === ctx.orgId && names.includes(one))),
      offered: ({ orgId }, names) => {
        loaded.push(names);
        return Promise.resolve(offered.filter((one) => orgId === ctx.orgId && names.includes(one.tool.name)));
      },
    });
    const stranger = { ...ctx, orgId: '00000000-0000-7000-8000-000000000002' as OrgId };

    expect((await registry.page(ctx, '', 9)).map(({ name }) => name)).toEqual(['double', 'other__double']);
    expect(await registry.names(stranger)).toEqual(['double']);
    expect(await registry.page(without, '', 9)).toEqual([]);
    expect((await registry.page(ctx, '', 1)).map(({ name }) => name)).toEqual(['double']);
    expect((await registry.page(ctx, 'double', 9)).map(({ name }) => name)).toEqual(['other__double']);
    expect((await registry.among(ctx, ['double', 'nothing'])).map(({ name }) => name)).toEqual(['double']);
    // Only what is wanted is loaded.
    expect(loaded).toEqual([['other__double'], ['other__double']]);
    expect(await registry.names(ctx)).toEqual(['double', 'other__double']);
    expect(await registry.call(ctx, 'other__double', { value: 3 })).toEqual({ value: 6 });
    await expect(registry.call(ctx, 'other__double', { value: 'x' })).rejects.toMatchObject({ code: 'tools.invalid_arguments' });
    await expect(registry.call(without, 'other__double', { value: 3 })).rejects.toMatchObject({ code: 'auth.permission_missing' });
    await expect(registry.call(stranger, 'other__double', { value: 3 })).rejects.toMatchObject({ code: 'tools.not_found' });
    const sought = ['double', 'other__double', 'other__asleep', 'nothing', 'other__nothing'];
    expect([...(await registry.inputSchemas(ctx, sought))]).toMatchObject([
      ['other__double', { type: 'object' }],
      ['other__asleep', null],
      ['double', { type: 'object', required: ['value'] }],
    ]);
    expect([...(await registry.inputSchemas(stranger, sought)).keys()]).toEqual(['double']);
    expect(() => registryWith(tool)).toThrow('holds __');
  });

  it('leaves the arguments of others’ tools to them, and calls a tool only as what it was when it was asked for', async () => {
    const registry = registryWith();
    const [shape] = await registry.page(ctx, '', 9);
    const seen: unknown[] = [];
    const tool = {
      ...double,
      name: 'other__keyed',
      version: 'one',
      input: z.strictObject({ idempotencyKey: z.string() }),
      run: ({ idempotency }: OrgContext, input: object) => Promise.resolve({ value: seen.push([idempotency, input]) }),
    };
    registry.provide({
      permission: 'search:read',
      names: () => Promise.resolve([tool.name]),
      known: () => Promise.resolve([tool.name]),
      offered: () => Promise.resolve([{ tool, shape }] as unknown as OfferedTool[]),
    });

    expect(await registry.versionOf(ctx, tool.name)).toBe('one');
    await registry.call(ctx, tool.name, { idempotencyKey: 'theirs' }, 'one');
    await expect(registry.call(ctx, tool.name, { idempotencyKey: 'theirs' }, 'other')).rejects.toMatchObject({ code: 'tools.changed' });
    expect(seen).toEqual([[null, { idempotencyKey: 'theirs' }]]);
  });
});
