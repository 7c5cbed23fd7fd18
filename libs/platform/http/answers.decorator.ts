import { applyDecorators, HttpCode, SerializeOptions } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';

const problem = (status: number | 'default', description: string) =>
  ApiResponse({ status, description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } });

/**
 * What a route does and answers. The answer is checked against `schema`: a field that the contract does not have is a fault, not a leak.
 * `schema` null: no body (204 unless `status` says otherwise), or a stream.
 */
export function Answers(summary: string, schema: z.ZodType | null, status = schema ? 200 : 204) {
  return applyDecorators(
    HttpCode(status),
    ApiOperation({ summary }),
    ...(schema
      ? [SerializeOptions({ schema }), ApiResponse({ status, description: summary, standardSchema: schema })]
      : [ApiResponse({ status, description: summary })]),
    problem(400, 'The request does not have the documented form.'),
    problem('default', 'Any other failure.'),
  );
}
