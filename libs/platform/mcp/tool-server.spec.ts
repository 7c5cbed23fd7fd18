import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { OrgId } from '@atrium/contracts';
import { Log } from '@atrium/platform/observability';
import { systemContext } from '@atrium/platform/tenancy';
import { ToolRegistry } from '@atrium/platform/tools';
import { ToolServer } from './tool-server.js';

const ctx = systemContext('00000000-0000-7000-8000-000000000001' as OrgId, 'test');

it('lists very many tools page by page', async () => {
  const registry = new ToolRegistry();
  const names = Array.from({ length: 1_001 }, (_, index) => `tool_${String(index).padStart(4, '0')}`);
  for (const name of names)
    registry.register({
      name,
      description: 'Does nothing.',
      input: z.strictObject({}),
      output: z.strictObject({}),
      permission: 'search:read',
      effects: [],
      run: () => Promise.resolve({}),
    });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'test', version: '1' });
  await Promise.all([new ToolServer(registry, new Log('fatal')).for(ctx).connect(ours), client.connect(theirs)]);

  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await client.request({ method: 'tools/list', params: cursor === undefined ? {} : { cursor } });
    pages.push(page.tools.map(({ name }) => name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);

  expect(pages.map(({ length }) => length)).toEqual([500, 500, 1]);
  expect(pages.flat()).toEqual(names);
  await client.close();
});
