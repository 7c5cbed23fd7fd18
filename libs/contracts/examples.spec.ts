import { z } from 'zod';
import * as contracts from './index.js';

const shown = Object.values(contracts).flatMap((schema) => {
  const { id, examples } = (schema instanceof z.ZodType && z.globalRegistry.get(schema)) || {};
  return (Array.isArray(examples) ? (examples as unknown[]) : []).map((example) => [id, schema as z.ZodType, example] as const);
});

it.each(shown)('the example of %s has its form', (_id, schema, example) => {
  expect(schema.safeParse(example)).toMatchObject({ success: true });
});

it('the most usual bodies have one', () => {
  expect(shown.length).toBeGreaterThanOrEqual(10);
});
