import { StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { judged } from '@atrium/contracts';
import { invalidRequest } from './problem.filter.js';

/** Checks bodies, queries and parameters against their contract, whatever they hold. @throws Invalid `request.invalid` */
export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: invalidRequest });
  }

  protected override validate<T>(value: unknown, schema: unknown) {
    const result = judged(schema as z.ZodType<T>, value);
    return result.success ? { value: result.data } : { issues: result.error.issues };
  }
}
