import { z } from 'zod';
import type { OrgId, Permission } from '@atrium/contracts';
import { systemContext } from '@atrium/platform/tenancy';
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
    const [[named], [plain]] = await Promise.all([registry.list(ctx), registryWith().list(ctx)]);
    expect(named?.outputSchema).toEqual(plain?.outputSchema);
  });

  it('lists with JSON schemas what the caller may use', async () => {
    const registry = registryWith();
    expect(await registry.list(without)).toEqual([]);
    expect(await registry.list(ctx)).toMatchObject([
      {
        name: 'double',
        inputSchema: { type: 'object', required: ['value'], additionalProperties: false },
        outputSchema: { required: ['value'] },
      },
    ]);
  });

  it('has the tools of a provider beside its own, for those to whom it offers them', async () => {
    const registry = registryWith();
    const [shape] = await registryWith({ ...double, name: 'other' }).list(ctx);
    const tool = { ...double, name: 'other__double' };
    const offered = [{ tool, shape: { ...shape, name: tool.name } }] as unknown as OfferedTool[];
    registry.provide({
      offered: ({ orgId }, name) =>
        Promise.resolve(offered.filter((one) => orgId === ctx.orgId && (name ?? one.tool.name) === one.tool.name)),
    });
    const stranger = { ...ctx, orgId: '00000000-0000-7000-8000-000000000002' as OrgId };

    expect((await registry.list(ctx)).map(({ name }) => name)).toEqual(['double', 'other__double']);
    expect(await registry.names(stranger)).toEqual(['double']);
    expect(await registry.call(ctx, 'other__double', { value: 3 })).toEqual({ value: 6 });
    await expect(registry.call(ctx, 'other__double', { value: 'x' })).rejects.toMatchObject({ code: 'tools.invalid_arguments' });
    await expect(registry.call(without, 'other__double', { value: 3 })).rejects.toMatchObject({ code: 'auth.permission_missing' });
    await expect(registry.call(stranger, 'other__double', { value: 3 })).rejects.toMatchObject({ code: 'tools.not_found' });
    expect(() => registryWith(tool)).toThrow('holds __');
  });
});
