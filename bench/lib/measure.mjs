// How variants are compared: side by side in one run, in an order that rotates and reverses each round, as ratios to the floor.
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used so far. */
export function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export const median = (values) => quantile(values, 0.5);
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + ((sorted[low + 1] ?? sorted[low]) - sorted[low]) * (at - low);
}

/** 95 % interval of the median, by 2,000 resamples with a fixed seed. */
export function bootstrap(values) {
  let state = 42;
  const random = () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
  const medians = Array.from({ length: 2_000 }, () => median(values.map(() => values[Math.floor(random() * values.length)])));
  return [quantile(medians, 0.025), quantile(medians, 0.975)];
}

/**
 * Runs every variant once a round. A variant is `{ name, pid?, round: () => Promise<operations> }`; a round that throws ends the run.
 * Answers per variant the milliseconds per operation of each round, and CPU milliseconds per operation where a pid is given.
 */
export async function compare(variants, { rounds = 12, warmUps = 1 } = {}) {
  for (let n = 0; n < warmUps; n++) for (const variant of variants) await variant.round();
  const results = new Map(variants.map(({ name }) => [name, { ms: [], cpuMs: [] }]));
  for (let round = 0; round < rounds; round++) {
    const rotated = [...variants.slice(round % variants.length), ...variants.slice(0, round % variants.length)];
    for (const variant of round % 2 === 0 ? rotated : rotated.reverse()) {
      const cpuBefore = variant.pid ? cpuSeconds(variant.pid) : 0;
      const startedAt = performance.now();
      const operations = await variant.round();
      const result = results.get(variant.name);
      result.ms.push((performance.now() - startedAt) / operations);
      if (variant.pid) result.cpuMs.push(((cpuSeconds(variant.pid) - cpuBefore) * 1_000) / operations);
    }
  }
  return results;
}

/** One line: the median per operation and the ratio to the floor, round by round. */
export function report(title, results, floor, goal) {
  const base = results.get(floor);
  process.stdout.write(`\n${title}\n`);
  for (const [name, { ms, cpuMs }] of results) {
    const ratios = ms.map((value, round) => value / base.ms[round]);
    const [low, high] = bootstrap(ratios);
    const cpu = cpuMs.length > 0 ? `, CPU ${median(cpuMs).toFixed(3)} ms` : '';
    const ratio =
      name === floor
        ? 'floor'
        : `${median(ratios).toFixed(2)} × floor [${low.toFixed(2)}, ${high.toFixed(2)}]${cpuRatio(cpuMs, base.cpuMs)}`;
    process.stdout.write(`  ${name.padEnd(34)} ${median(ms).toFixed(3)} ms/op${cpu}  ${ratio}\n`);
  }
  process.stdout.write(`  goal: ${goal}\n`);
}

function cpuRatio(cpuMs, floorCpuMs) {
  if (cpuMs.length === 0 || floorCpuMs.length === 0) return '';
  const ratios = cpuMs.map((value, round) => value / floorCpuMs[round]).filter(Number.isFinite);
  const [low, high] = bootstrap(ratios);
  return `, CPU ${median(ratios).toFixed(2)} × [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

/** Runs `count` operations with at most `inFlight` at once. */
export async function flood(count, inFlight, operation) {
  let next = 0;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) await operation(next++);
    }),
  );
  return count;
}
