import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { retryWhilePassing } from '../../lib/base/retry.ts';
import { sleep } from '../../lib/base/clock.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

const passing = () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'no answer');
const random = seededRandom(1);

describe('retryWhilePassing()', () => {
  it('repeats an action whose fault may pass, and gives its result', async () => {
    const clock = new VirtualClock();
    let attempts = 0;
    const action = () => {
      attempts += 1;
      return attempts < 4 ? Promise.reject(passing()) : Promise.resolve('answer');
    };
    const { signal } = new AbortController();
    expect(await clock.runUntil(retryWhilePassing(action, { clock, random, signal }))).toBe('answer');
    expect(attempts).toBe(4);
  });

  it('throws a fatal fault at once', async () => {
    const clock = new VirtualClock();
    let attempts = 0;
    const action = () => {
      attempts += 1;
      return Promise.reject(new MillraceError('MR_ACCESS_DENIED', 'no'));
    };
    const { signal } = new AbortController();
    await expect(clock.runUntil(retryWhilePassing(action, { clock, random, signal }))).rejects.toMatchObject({
      code: 'MR_ACCESS_DENIED',
    });
    expect(attempts).toBe(1);
  });

  it('gives up after 30 s, also when each attempt takes as long by itself', async () => {
    for (const attemptMillis of [0, 30_000]) {
      const clock = new VirtualClock();
      const action = async () => {
        await sleep(clock, attemptMillis);
        throw passing();
      };
      const { signal } = new AbortController();
      const outcome = retryWhilePassing(action, { clock, random, signal }).catch((thrown: unknown) => thrown);
      const thrown = await clock.runUntil(outcome, { atMostMillis: 120_000 });
      expect(thrown).toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
      expect(clock.monotonicMillis()).toBeGreaterThan(27_000);
      expect(clock.monotonicMillis()).toBeLessThanOrEqual(30_000);
    }
  });

  it('ends a wait with the reason of the signal', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const reason = new Error('stop');
    clock.timer(500, () => controller.abort(reason));
    const outcome = retryWhilePassing(() => Promise.reject(passing()), { clock, random, signal: controller.signal });
    await expect(clock.runUntil(outcome)).rejects.toBe(reason);
  });
});
