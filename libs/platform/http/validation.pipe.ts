import { type ArgumentMetadata, StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { judged } from '@atrium/contracts';
import { invalidRequest } from './problem.filter.js';

/** Checks bodies, queries and parameters against their contract, whatever they hold. @throws Invalid `request.invalid` */
export class ValidationPipe extends StandardSchemaValidationPipe {
  override transform<T>(value: T, { type, data, schema }: ArgumentMetadata): Promise<T> {
    if (!schema || type === 'custom') return Promise.resolve(value);
    this.stripProtoKeys(value);
    const result = judged(schema as z.ZodType<T>, value);
    if (!result.success) throw invalidRequest(result.error.issues, type === 'param' ? data : undefined);
    return Promise.resolve(result.data);
  }
}
