import { FairLimiter } from './fair-limiter.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('FairLimiter', () => {
  it('never runs more than its capacity at once', async () => {
    const limiter = new FairLimiter(2);
    let running = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++running);
      await tick();
      running--;
    };

    await Promise.all(Array.from({ length: 20 }, (_, index) => limiter.run(`org-${index % 3}`, task)));

    expect(most).toBe(2);
    expect(running).toBe(0);
  });

  it('serves a quiet organization after one task of a busy one', async () => {
    const limiter = new FairLimiter(1);
    const order: string[] = [];
    const task = (name: string) => async () => {
      await tick();
      order.push(name);
    };

    const all = [...Array.from({ length: 5 }, () => limiter.run('busy', task('busy'))), limiter.run('quiet', task('quiet'))];
    await Promise.all(all);

    expect(order.indexOf('quiet')).toBeLessThanOrEqual(2);
  });

  it('leaves places to others when one organization has its share', async () => {
    const limiter = new FairLimiter(3, 2);
    const held: (() => void)[] = [];
    const hold = () => new Promise<void>((resolve) => held.push(resolve));
    const slow = Array.from({ length: 4 }, () => limiter.run('slow', hold));

    await limiter.run('quick', tick);

    expect(held).toHaveLength(2);
    while (held.length > 0) {
      held.shift()?.();
      await tick();
    }
    await Promise.all(slow);
    await Promise.all([limiter.run('slow', tick), limiter.run('quick', tick)]);
  });

  it('lets go at once of a task that nobody waits for any more', async () => {
    const limiter = new FairLimiter(1);
    const abort = new AbortController();
    let end: () => void = () => undefined;
    const first = limiter.run('org', () => new Promise<void>((resolve) => (end = resolve)));
    const ran: string[] = [];
    const dropped = limiter.run('org', () => Promise.resolve(ran.push('dropped')), abort.signal);
    const kept = limiter.run('org', () => Promise.resolve(ran.push('kept')));

    abort.abort(new Error('cancelled'));

    await expect(dropped).rejects.toThrow('cancelled');
    expect(limiter.waitingOf('org')).toBe(1);
    await expect(limiter.run('org', () => Promise.resolve(ran.push('late')), abort.signal)).rejects.toThrow('cancelled');
    end();
    await Promise.all([first, kept]);
    expect(ran).toEqual(['kept']);
  });

  it('gives the place back when a task fails', async () => {
    const limiter = new FairLimiter(1);

    await expect(limiter.run('org', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');

    await expect(limiter.run('org', () => Promise.resolve('next'))).resolves.toBe('next');
  });
});
