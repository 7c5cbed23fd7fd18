import { z } from 'zod';
import { ClientFrame } from './realtime.js';
import { judged } from './judged.js';

describe('judged', () => {
  it.each([
    ['a text', z.string().max(5), { length: { toString: 'x' } }],
    ['a list', z.array(z.string()).min(1), { length: { valueOf: 1, toString: 1 } }],
    ['a frame', ClientFrame, { id: 'a', type: 'auth', token: { length: { toString: 'x' } } }],
  ])('refuses %s whose length cannot be compared', (_what, schema, value) => {
    expect(judged<z.ZodType>(schema, value)).toMatchObject({ success: false, error: { issues: [{ path: [] }] } });
  });

  it('answers as safeParse otherwise', () => {
    expect(judged(z.string().max(5), 'text')).toEqual({ success: true, data: 'text' });
    expect(judged(z.string().max(2), 'text').success).toBe(false);
  });
});
