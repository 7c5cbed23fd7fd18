import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { AddMemory, Memory, MemoryEntry, MemoryId, MemoryOutcome, MemorySearchResult, SearchMemories } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { MemoriesQueries } from './memories.queries.js';
import { MemoriesService } from './memories.service.js';

/** Nothing is said of its readers: it is nobody's but its person's, even where that person has opened `default`. */
const isUnplaced = ({ access, namespace }: Pick<AddMemory, 'access' | 'namespace'>) => access === undefined && namespace === undefined;

const One = z.strictObject({ id: MemoryId });

/** What agents may do with memory. Whose memory it is, the context says. */
@Injectable()
export class MemoryTools implements OnModuleInit {
  constructor(
    private readonly tools: ToolRegistry,
    private readonly memories: MemoriesService,
    private readonly queries: MemoriesQueries,
  ) {}

  onModuleInit(): void {
    this.tools.register({
      name: 'memory_add',
      description:
        'Remembers one fact. Give subject and predicate when the fact has one value at a time (subject "Ben", predicate "lives in"): a later one then takes its place. A fact that is known stays one memory. Without access and namespace it is private; in a namespace that you name it has the access of the namespace. The answer shows the access that it has.',
      input: AddMemory,
      output: z.strictObject({ outcome: MemoryOutcome, memory: Memory }),
      permission: 'memory:write',
      effects: ['writes', 'publishes'],
      // What only its owner reads is not published; a namespace that is named may open what it holds.
      effectsOf: (input) => (isUnplaced(input) ? ['writes'] : ['writes', 'publishes']),
      run: (ctx, input) => this.memories.add(ctx, isUnplaced(input) ? { ...input, access: { level: 'private', grants: [] } } : input),
    });
    this.tools.register({
      name: 'memory_search',
      description: 'Finds what is remembered, best first; with asOf, what held at that time.',
      input: SearchMemories,
      output: MemorySearchResult,
      permission: 'memory:read',
      effects: ['reads_private', 'reads_untrusted'],
      sourcesOf: ({ data }) => data.map(({ id }) => ({ kind: 'memory', subjectId: id, grants: [] })),
      run: (ctx, input) => this.queries.search(ctx, input),
    });
    this.tools.register({
      name: 'memory_history',
      description: 'Tells what became of a fact and why, oldest first: what was believed before, what took its place.',
      input: One,
      output: z.strictObject({ entries: z.array(MemoryEntry) }),
      permission: 'memory:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: async (ctx, { id }) => ({ entries: (await this.queries.history(ctx, id, { limit: 200 })).data }),
    });
    this.tools.register({
      name: 'memory_forget',
      description: 'Forgets a memory for good, its history too. To correct a fact, add the new one instead.',
      input: One,
      output: z.strictObject({ id: MemoryId, forgotten: z.literal(true) }),
      permission: 'memory:write',
      effects: ['writes', 'destroys'],
      run: async (ctx, { id }) => {
        await this.memories.forget(ctx, id);
        return { id, forgotten: true as const };
      },
    });
  }
}
