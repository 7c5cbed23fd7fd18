import { Injectable } from '@nestjs/common';
import { personOf, type OrgContext } from '@atrium/platform/tenancy';

declare const GRANTS: unique symbol;

/** What a reader may read, as the server worked it out: never empty, never from a request or a model. */
export class GrantSet {
  declare readonly [GRANTS]: true;
  /** @internal only ReaderGrants and the functions below make one. */
  private constructor(readonly keys: ReadonlySet<string>) {
    if (keys.size === 0) throw new Error('a set of grants is never empty');
  }

  has(key: string): boolean {
    return this.keys.has(key);
  }

  toArray(): string[] {
    return [...this.keys].sort();
  }

  /** What both may read; null when that is nothing. */
  static intersect(a: GrantSet, b: GrantSet): GrantSet | null {
    const keys = new Set([...a.keys].filter((key) => b.keys.has(key)));
    return keys.size === 0 ? null : new GrantSet(keys);
  }

  /** What every present reader of a channel may read, as the owner of channels worked it out: for answers written into it. */
  static ofChannel(keys: readonly string[]): GrantSet {
    return new GrantSet(new Set(keys));
  }

  /** @internal */
  static ofReader(keys: readonly string[]): GrantSet {
    return new GrantSet(new Set(keys));
  }
}

/** Knows further grants of a reader. Registered by the feature that gives them, such as channel memberships. */
export interface GrantSource {
  /** Keys such as `channel:<id>` of the person of `ctx` (of whom an agent acts for). May open a transaction. */
  grantsOf(ctx: OrgContext): Promise<string[]>;
}

/** A property of the context, so that every copy of it is as narrow. */
const NARROWED = Symbol('grants');

/** Works out what the reader of a context may read. */
@Injectable()
export class ReaderGrants {
  private readonly sources: GrantSource[] = [];

  register(source: GrantSource): void {
    this.sources.push(source);
  }

  /** `everyone`, `org` for all but guests, `user:<id>`, `agent:<id>` of an agent, and what the sources know. Call it outside of a transaction. */
  async of(ctx: OrgContext & { readonly [NARROWED]?: GrantSet }): Promise<GrantSet> {
    const narrowed = ctx[NARROWED];
    if (narrowed) return narrowed;
    const person = personOf(ctx);
    if (person === null) throw new Error('the system reads on behalf of nobody');
    const { kind, id, role } = ctx.principal;
    const own = ['everyone', `user:${person}`, ...(role === 'guest' ? [] : ['org']), ...(kind === 'agent' ? [`agent:${id}`] : [])];
    const further = await Promise.all(this.sources.map((source) => source.grantsOf(ctx)));
    return GrantSet.ofReader([...own, ...further.flat()]);
  }

  /**
   * The same context, but whatever reads with it (a tool, for one) or with a copy of it reads with these grants only: an answer's audience,
   * not just its asker.
   */
  narrow(ctx: OrgContext, grants: GrantSet): OrgContext {
    return Object.freeze({ ...ctx, [NARROWED]: grants });
  }
}
