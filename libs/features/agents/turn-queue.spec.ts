import { TurnQueue } from './turn-queue.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

it('runs so many at once in all and of one organization, and lets nobody wait for a busy one', async () => {
  const queue = new TurnQueue(3, 2);
  const started: string[] = [];
  const ends = new Map<string, (failure?: Error) => void>();
  const turn = (org: string, name: string) =>
    queue.run(org, () => {
      started.push(name);
      return new Promise<void>((resolve, reject) => ends.set(name, (failure) => (failure ? reject(failure) : resolve())));
    });
  const turns = [turn('a', 'a1'), turn('a', 'a2'), turn('a', 'a3'), turn('b', 'b1'), turn('c', 'c1')];
  await tick();
  expect(started).toEqual(['a1', 'a2', 'b1']);

  ends.get('b1')?.();
  await tick();
  expect(started).toEqual(['a1', 'a2', 'b1', 'c1']);

  ends.get('a1')?.(new Error('a failed turn gives its place back'));
  await expect(turns[0]).rejects.toThrow('gives its place back');
  await tick();
  expect(started).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
  for (const name of ['a2', 'a3', 'c1']) ends.get(name)?.();
  await Promise.all(turns.slice(1));
});
