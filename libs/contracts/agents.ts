import { z } from 'zod';
import { page, Time } from './common.js';
import { AgentId } from './ids.js';

export const Agent = z
  .strictObject({
    id: AgentId,
    name: z.string(),
    displayName: z.string(),
    description: z.string(),
    status: z.enum(['draft', 'active', 'paused', 'retired']),
    version: z.int(),
    instructions: z.string(),
    model: z.string().nullable(),
    tools: z.array(z.string()),
    capabilities: z.array(z.string()),
    createdAt: Time,
    updatedAt: Time,
  })
  .meta({ id: 'Agent' });
export type Agent = z.infer<typeof Agent>;
export const AgentPage = page(Agent).meta({ id: 'AgentPage' });

export const Tool = z
  .strictObject({
    name: z.string(),
    description: z.string(),
    permission: z.string(),
    effects: z.array(z.enum(['reads_private', 'reads_untrusted', 'sends_out', 'writes'])),
    inputSchema: z.record(z.string(), z.json()),
    outputSchema: z.record(z.string(), z.json()),
  })
  .meta({ id: 'Tool' });
export type Tool = z.infer<typeof Tool>;
export const ToolPage = page(Tool).meta({ id: 'ToolPage' });
