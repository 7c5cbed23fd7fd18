import { type ArgumentMetadata, StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { judged } from '@atrium/contracts';
import { invalidRequest } from './problem.filter.js';

/**
 * Checks bodies, queries and parameters against their contract, whatever they hold. A request without a body leaves out all that its body
 * could say: it is as good as `{}`. @throws Invalid `request.invalid`
 */
export class ValidationPipe extends StandardSchemaValidationPipe {
  override transform<T>(value: T, { type, data, schema }: ArgumentMetadata): Promise<T> {
    if (!schema || type === 'custom') return Promise.resolve(value);
    this.stripProtoKeys(value);
    const contract = schema as z.ZodType<T>;
    const isLeftOut = type === 'body' && value === undefined && !contract.isOptional();
    const result = judged(contract, isLeftOut ? {} : value);
    if (!result.success) throw invalidRequest(result.error.issues, type === 'param' ? data : undefined);
    return Promise.resolve(result.data);
  }
}
