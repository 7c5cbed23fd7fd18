import { assertNoCycle, type Edge } from './task.js';

const edges = (text: string): Edge[] => text.split(' ').map((pair) => ({ from: pair.charAt(0), to: pair.charAt(1) }));

describe('dependencies of tasks', () => {
  it('may meet again without a circle', () => {
    expect(() => assertNoCycle('a', ['b', 'c'], edges('bd cd de'))).not.toThrow();
  });

  it.each([
    ['itself', 'a', ['a'], []],
    ['a task that waits for it', 'a', ['b'], edges('ba')],
    ['a task far behind', 'a', ['x', 'b'], edges('bc cd de ea')],
  ])('may not be on %s', (_what, task, dependsOn, known) => {
    expect(() => assertNoCycle(task, dependsOn, known)).toThrow(expect.objectContaining({ code: 'tasks.dependency_cycle' }) as Error);
  });

  it('end also where a circle is already', () => {
    expect(() => assertNoCycle('a', ['b'], edges('bc cb'))).not.toThrow();
  });
});
