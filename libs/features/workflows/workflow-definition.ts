import type { Compensation, WorkflowDefinition, WorkflowStep } from '@atrium/contracts';
import { expressionsIn } from './expressions/language.js';

export interface Place {
  pointer: string;
  message: string;
}

/** What is wrong with the order of the steps; pointers into the definition. */
export function orderFaults({ steps }: Pick<WorkflowDefinition, 'steps'>): Place[] {
  const faults: Place[] = [];
  const known = new Set(steps.map(({ id }) => id));
  const seen = new Set<string>();
  steps.forEach((step, index) => {
    if (seen.has(step.id)) faults.push({ pointer: `/steps/${index}/id`, message: `the id ${step.id} is taken by a step before` });
    seen.add(step.id);
    step.needs.forEach((need, at) => {
      if (!known.has(need)) faults.push({ pointer: `/steps/${index}/needs/${at}`, message: `there is no step ${need}` });
    });
  });
  if (faults.length > 0) return faults;
  const circle = circleOf(steps);
  return circle.map((id) => ({
    pointer: `/steps/${steps.findIndex((step) => step.id === id)}/needs`,
    message: `the steps ${circle.join(', ')} wait for each other`,
  }));
}

/** The steps that can never begin because of a circle. Kahn's algorithm: what is left when nothing more can begin. */
function circleOf(steps: readonly Pick<WorkflowStep, 'id' | 'needs'>[]): string[] {
  let left = steps.map(({ id, needs }) => ({ id, needs: new Set(needs) }));
  for (;;) {
    const free = new Set(left.filter(({ needs }) => needs.size === 0).map(({ id }) => id));
    if (free.size === 0) return left.map(({ id }) => id);
    left = left.filter(({ id }) => !free.has(id));
    for (const { needs } of left) for (const id of free) needs.delete(id);
  }
}

/** What a step does, or what undoes it. */
export interface Action {
  does: WorkflowStep | Compensation;
  /** The JSON pointer to its `with`. */
  at: string;
}

/** Everything that a run of the definition may do. */
export function actionsOf({ steps }: Pick<WorkflowDefinition, 'steps'>): Action[] {
  return steps.flatMap((step, index) => [
    { does: step, at: `/steps/${index}/with` },
    ...(step.compensate ? [{ does: step.compensate, at: `/steps/${index}/compensate/with` }] : []),
  ]);
}

/** Every expression of a definition, each with its JSON pointer. */
export function expressionsOf(definition: WorkflowDefinition): { pointer: string; source: string }[] {
  const ofSteps = definition.steps.flatMap((step, index) => {
    const at = `/steps/${index}`;
    return [
      ...(step.when === undefined ? [] : [{ pointer: `${at}/when`, source: bare(step.when) }]),
      ...(step.forEach === undefined ? [] : [{ pointer: `${at}/forEach`, source: bare(step.forEach) }]),
      ...expressionsIn(step.with, `${at}/with`),
      ...(step.compensate ? expressionsIn(step.compensate.with, `${at}/compensate/with`) : []),
    ];
  });
  const ofTriggers = definition.triggers.flatMap(({ when }, index) =>
    when === undefined ? [] : [{ pointer: `/triggers/${index}/when`, source: bare(when) }],
  );
  return [...ofSteps, ...ofTriggers, ...expressionsIn(definition.output, '/output')];
}

/** Expressions that speak of a step that is not there, by its name; pointers into the definition. */
export function referenceFaults(definition: WorkflowDefinition): Place[] {
  const known = new Set(definition.steps.map(({ id }) => id));
  return expressionsOf(definition).flatMap(({ pointer, source }) =>
    // What stands between quotes is text.
    [...source.replace(/"[^"]*"|'[^']*'/g, '""').matchAll(/(?<![\w.])steps\.(\w+)/g)]
      .filter(([, id = '']) => !known.has(id))
      .map(([, id]) => ({ pointer, message: `there is no step ${id}` })),
  );
}

/** The expression itself, whether or not it stands in `${{ }}`. */
export function bare(source: string): string {
  return /^\s*\$\{\{([\s\S]*)\}\}\s*$/.exec(source)?.[1]?.trim() ?? source;
}
