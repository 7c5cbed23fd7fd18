import { applyDecorators, HttpCode, SerializeOptions } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';
import { Problem } from '@atrium/contracts';
import { schemaOf } from './openapi.js';

const PROBLEM: { type: string; schema: z.ZodType } = { type: 'application/problem+json', schema: Problem };

/**
 * What a route does and answers. The answer is checked against `schema`: a field that the contract does not have is a fault, not a leak.
 * `schema` null: no body (204 unless `status` says otherwise), or a stream. `failure`: the form of its failures.
 */
export function Answers(summary: string, schema: z.ZodType | null, status = schema ? 200 : 204, failure = PROBLEM) {
  const failed = (code: number | 'default', description: string) =>
    ApiResponse({ status: code, description, content: { [failure.type]: { schema: schemaOf(failure.schema) } } });
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary }),
    ...(schema
      ? [SerializeOptions({ schema }), ApiResponse({ status, description: summary, standardSchema: schema })]
      : [ApiResponse({ status, description: summary })]),
    failed(400, 'The request does not have the documented form.'),
    failed('default', 'Any other failure.'),
  );
}
