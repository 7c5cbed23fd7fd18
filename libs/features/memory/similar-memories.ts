import { Injectable } from '@nestjs/common';
import { type AddMemory, DEFAULT_NAMESPACE } from '@atrium/contracts';
import { Db } from '@atrium/platform/db';
import { type GrantSet, mayRead, Retrieval } from '@atrium/platform/search';
import type { OrgContext } from '@atrium/platform/tenancy';
import { slotOf } from './fact.js';
import { slotOfRow } from './memory.js';
import { MemoryRepository } from './memory.repository.js';
import { nameKey } from './namespace.js';
import { NamespaceRepository } from './namespace.repository.js';

/** How many of the best matches a free text is compared with. */
const COMPARED = 8;
/** As much of a text as is looked for. Characters. */
const MAX_QUERY = 1_000;

/** Finds the memories that a free text may repeat or contradict. */
@Injectable()
export class SimilarMemories {
  constructor(
    private readonly db: Db,
    private readonly retrieval: Retrieval,
    private readonly namespaces: NamespaceRepository,
    private readonly memories: MemoryRepository,
  ) {}

  /** For each of the inputs the ids, best first; none for one with subject and predicate, whose slot tells. Not inside a transaction. */
  async to(ctx: OrgContext, grants: GrantSet, inputs: readonly AddMemory[]): Promise<string[][]> {
    const isText = (input: AddMemory) => slotOf(input.subject ?? null, input.predicate ?? null) === null;
    if (!inputs.some(isText)) return inputs.map(() => []);
    const name = (input: AddMemory) => input.namespace ?? DEFAULT_NAMESPACE;
    const spaces = await this.db.readInOrg(ctx, (tx) => this.namespaces.resolve(tx, ctx, grants, inputs.map(name)));
    const found: string[][] = [];
    for (const input of inputs) {
      const namespace = spaces.get(nameKey(name(input)));
      found.push(namespace && isText(input) ? await this.ids(ctx, grants, namespace.id, input.content) : []);
    }
    return found;
  }

  /** Those of the memory, with this text if it gets another one. Not inside a transaction. */
  async of(ctx: OrgContext, grants: GrantSet, id: string, content?: string): Promise<string[]> {
    const row = await this.db.readInOrg(ctx, (tx) => this.memories.find(tx, ctx, id));
    return row && mayRead(row, grants) && slotOfRow(row) === null ? this.ids(ctx, grants, row.namespaceId, content ?? row.content) : [];
  }

  private async ids(ctx: OrgContext, grants: GrantSet, namespaceId: string, content: string): Promise<string[]> {
    const query = content.slice(0, MAX_QUERY);
    const passages = await this.retrieval.search(ctx, grants, {
      query,
      kinds: ['memory'],
      filters: { namespaceIds: [namespaceId] },
      limit: COMPARED,
      once: true,
    });
    return passages.map((passage) => passage.subjectId);
  }
}
