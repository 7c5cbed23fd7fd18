import { Injectable } from '@nestjs/common';
import type { SearchKind } from '@atrium/contracts';
import type { JsonObject } from '@atrium/platform/events';
import type { OrgContext } from '@atrium/platform/tenancy';

/** `quote` is exactly what a text says between `start` and `end`. */
export interface PlacedQuote {
  start: number;
  end: number;
  quote: string;
}

/** A quote where it stands in its source. */
export interface LocatedQuote extends PlacedQuote {
  /** What the source is called now. */
  title: string;
  /** From 1; null for a source without pages. */
  page: number | null;
}

/** Registered by the feature that owns the sources of a kind. */
export interface ReferenceResolver {
  /**
   * Where the quote stands, letter by letter or but for white space, within the place that `source` names; null when it is not there
   * or the reader of `ctx` may not see it. May open a transaction.
   */
  locate(ctx: OrgContext, source: JsonObject, quote: string): Promise<LocatedQuote | null>;
}

/** Whether quotes are true, without knowing who owns the sources. */
@Injectable()
export class ReferenceResolvers {
  private readonly resolvers = new Map<SearchKind, ReferenceResolver>();

  register(kind: SearchKind, resolver: ReferenceResolver): void {
    this.resolvers.set(kind, resolver);
  }

  /** Null also for a kind that nobody registered. */
  async locate(ctx: OrgContext, kind: SearchKind, source: JsonObject, quote: string): Promise<LocatedQuote | null> {
    return (await this.resolvers.get(kind)?.locate(ctx, source, quote)) ?? null;
  }
}
