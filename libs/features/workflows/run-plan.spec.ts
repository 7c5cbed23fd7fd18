import { WorkflowDefinition, type WorkflowStep } from '@atrium/contracts';
import { backoffMs, isComplete, nextSteps, type StepRow, toCompensate } from './run-plan.js';
import { expressionsOf, orderFaults, referenceFaults } from './workflow-definition.js';

const wait = { kind: 'wait', with: { seconds: 1 } };
const define = (...steps: object[]) => WorkflowDefinition.parse({ steps: steps.map((step) => ({ ...wait, ...step })) });
const reached = (states: Record<string, StepRow['status']>) => new Map(Object.entries(states).map(([id, status]) => [id, { status }]));
const names = (steps: WorkflowStep[]) => steps.map(({ id }) => id).join();
const next = (definition: WorkflowDefinition, states: Record<string, StepRow['status']>) => {
  const { ready, skipped } = nextSteps(definition.steps, reached(states));
  return [names(ready), names(skipped)];
};

describe('the order of steps', () => {
  const diamond = define({ id: 'a' }, { id: 'b', needs: ['a'] }, { id: 'c', needs: ['a'] }, { id: 'd', needs: ['b', 'c'] });

  it('is that of needs; what needs the same goes on together', () => {
    expect(next(diamond, {})).toEqual(['a', '']);
    expect(next(diamond, { a: 'running' })).toEqual(['', '']);
    expect(next(diamond, { a: 'succeeded' })).toEqual(['b,c', '']);
    expect(next(diamond, { a: 'succeeded', b: 'succeeded', c: 'waiting' })).toEqual(['', '']);
    expect(next(diamond, { a: 'succeeded', b: 'succeeded', c: 'succeeded' })).toEqual(['d', '']);
  });

  it('skips what needs a skipped step, unless its own condition decides', () => {
    const definition = define({ id: 'a', when: 'false' }, { id: 'b', needs: ['a'] }, { id: 'c', needs: ['a'], when: 'true' });
    expect(next(definition, { a: 'skipped' })).toEqual(['c', 'b']);
    expect(isComplete(definition.steps, reached({ a: 'skipped', b: 'skipped', c: 'succeeded' }))).toBe(true);
    expect(isComplete(definition.steps, reached({ a: 'skipped', b: 'skipped' }))).toBe(false);
  });

  it('goes on nowhere after a failure', () => {
    expect(next(diamond, { a: 'failed' })).toEqual(['', '']);
  });
});

describe('a definition', () => {
  it.each([
    ['an id twice', define({ id: 'a' }, { id: 'a' }), ['/steps/1/id']],
    ['an unknown need', define({ id: 'a', needs: ['x'] }), ['/steps/0/needs/0']],
    ['itself as need', define({ id: 'a', needs: ['a'] }), ['/steps/0/needs']],
    [
      'a circle',
      define({ id: 'a', needs: ['c'] }, { id: 'b', needs: ['a'] }, { id: 'c', needs: ['b'] }, { id: 'd' }),
      [0, 1, 2].map((n) => `/steps/${n}/needs`),
    ],
  ])('with %s is refused, place by place', (_what, definition, pointers) => {
    expect(orderFaults(definition).map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it('must speak of steps that are there', () => {
    const steps = (output: string) => ({
      ...define({ id: 'a' }, { id: 'b', needs: ['a'], when: 'steps.a.status == "x"' }),
      output: { said: output },
    });
    expect(referenceFaults(steps('${{ steps.zz.output + "steps.no" + \'steps.no\' + my.steps.no }} and ${{ steps.a.output }}'))).toEqual([
      { pointer: '/output/said', message: 'there is no step zz' },
    ]);
  });

  it('names the place of each of its expressions', () => {
    const definition = WorkflowDefinition.parse({
      steps: [
        {
          id: 'a',
          kind: 'http',
          when: '${{ input.go }}',
          forEach: 'input.list',
          with: { url: 'https://${{ input.host }}/', body: { n: '${{ item }}' } },
          compensate: { kind: 'tool', with: { tool: 't', arguments: { x: '${{ index }}' } } },
        },
      ],
      output: { all: '${{ steps.a.output }}' },
      triggers: [{ event: 'tasks.created', when: 'true' }],
    });
    expect(expressionsOf(definition).map(({ pointer, source }) => `${pointer} ${source}`)).toEqual([
      '/steps/0/when input.go',
      '/steps/0/forEach input.list',
      '/steps/0/with/url input.host',
      '/steps/0/with/body/n item',
      '/steps/0/compensate/with/arguments/x index',
      '/triggers/0/when true',
      '/output/all steps.a.output',
    ]);
  });
});

describe('after a failure', () => {
  it('what succeeded is undone, last first, each once', () => {
    const undo = { compensate: { kind: 'tool', with: { tool: 'undo' } } };
    const { steps } = define(
      { id: 'a', ...undo },
      { id: 'b' },
      { id: 'c', ...undo },
      { id: 'd', ...undo },
      { id: 'e', ...undo, forEach: '[1,2]' },
    );
    const row = (stepId: string, status: StepRow['status'], at: number, item = -1) =>
      ({ stepId, item, status, endedAt: new Date(at) }) as StepRow;
    const rows = [row('a', 'succeeded', 1), row('b', 'succeeded', 2), row('c', 'succeeded', 3), row('d', 'failed', 4)];
    const fanned = [row('e', 'succeeded', 6), row('e', 'succeeded', 5, 0), row('e', 'succeeded', 5, 1)];

    expect(toCompensate(steps, [...rows, ...fanned]).map(({ row: { stepId, item } }) => `${stepId}${item}`)).toEqual([
      'e1',
      'e0',
      'c-1',
      'a-1',
    ]);
    expect(toCompensate(steps, [...rows, row('c:compensate', 'succeeded', 9)]).map(({ row: { stepId } }) => stepId)).toEqual(['a']);
  });
});

it('pauses between tries double, up to an hour', () => {
  expect([1, 2, 3, 20].map((attempt) => backoffMs(attempt, 0.5))).toEqual([500, 1_000, 2_000, 3_600_000]);
});
