import { Injectable, type OnModuleInit } from '@nestjs/common';
import { z } from 'zod';
import { PatternId, PatternUsage, RecordUsage, SuggestedPatterns, SuggestPatterns } from '@atrium/contracts';
import { ToolRegistry } from '@atrium/platform/tools';
import { PatternsQueries } from './patterns.queries.js';
import { PatternsService } from './patterns.service.js';

const RecordedUsage = z.strictObject({ patternId: PatternId, ...RecordUsage.shape });

/** How agents learn: they ask what worked, and tell how it went. */
@Injectable()
export class PatternTools implements OnModuleInit {
  constructor(
    private readonly tools: ToolRegistry,
    private readonly patterns: PatternsService,
    private readonly queries: PatternsQueries,
  ) {}

  onModuleInit(): void {
    this.tools.register({
      name: 'pattern_suggest',
      description: 'Finds what worked in situations like the one described, best first. Afterwards tell how it went with pattern_record.',
      input: SuggestPatterns,
      output: SuggestedPatterns,
      permission: 'memory:read',
      effects: ['reads_private', 'reads_untrusted'],
      run: (ctx, input) => this.queries.suggest(ctx, input),
    });
    this.tools.register({
      name: 'pattern_record',
      description: 'Tells whether a suggested pattern worked. One that fails more often than not is suggested no longer.',
      input: RecordedUsage,
      output: PatternUsage,
      permission: 'memory:write',
      // Its note is read by all who may read the pattern.
      effects: ['writes', 'publishes'],
      run: (ctx, { patternId, ...usage }) => this.patterns.recordUsage(ctx, patternId, usage),
    });
  }
}
