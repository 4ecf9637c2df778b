import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { type KinesisFault, isKinesisFault, toKinesisFault } from '../../lib/kinesis/fault.ts';
import { type PatienceOptions, patiently } from '../../lib/kinesis/patience.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';

function setup(failures: readonly Error[], more: Partial<PatienceOptions> = {}) {
  const clock = new VirtualClock();
  const waits: { kind: string; delayMillis: number }[] = [];
  let calls = 0;
  const call = () => {
    const failure = failures[calls];
    calls += 1;
    if (failure === undefined) return Promise.resolve('answer');
    return Promise.reject(toKinesisFault(failure, { operation: 'GetRecords', stream: 'orders' }));
  };
  const running = patiently(call, {
    clock,
    random: seededRandom(1),
    signal: new AbortController().signal,
    onRetry: ({ kind }, delayMillis) => waits.push({ kind, delayMillis }),
    ...more,
  });
  running.catch(() => {});
  return { clock, waits, running, calls: () => calls };
}

const throttled = awsError('ProvisionedThroughputExceededException');
const refused = networkError('ECONNREFUSED');

describe('patiently', () => {
  it('waits out throttling and passing faults with growing, jittered waits', async () => {
    const { clock, waits, running } = setup([throttled, throttled, refused, awsError('InternalFailure', 'x', 500)]);
    expect(await clock.runUntil(running)).toBe('answer');
    expect(waits.map((wait) => wait.kind)).toEqual(['throttled', 'throttled', 'unreachable', 'transient']);
    for (const [index, bound] of [500, 1_000, 200, 400].entries()) {
      expect(waits[index]?.delayMillis).toBeGreaterThanOrEqual(bound / 2);
      expect(waits[index]?.delayMillis).toBeLessThanOrEqual(bound);
    }
  });

  it('gives up after 30 s without an answer, and not before', async () => {
    const { clock, running, calls } = setup(Array.from({ length: 1_000 }, () => refused));
    await expect(clock.runUntil(running)).rejects.toMatchObject({
      kind: 'unreachable',
      code: 'MR_ENDPOINT_UNREACHABLE',
      message: expect.stringMatching(
        /no usable answer for 30000 ms .* \d+ attempts; the last: .*ECONNREFUSED/,
      ) as string,
    });
    expect(clock.monotonicMillis()).toBe(30_000);
    expect(calls()).toBeGreaterThan(5);
  });

  it('starts the 30 s again after throttling, which is an answer', async () => {
    const failures = Array.from({ length: 40 }, (_, index) => (index % 3 === 2 ? throttled : refused));
    const { clock, running } = setup(failures, { unreachableTimeoutMillis: 2_000 });
    expect(await clock.runUntil(running, { atMostMillis: 600_000 })).toBe('answer');
    expect(clock.monotonicMillis()).toBeGreaterThan(2_000);
  });

  it('stops at the limit of throttling, where there is one', async () => {
    const { clock, running, calls } = setup(
      Array.from({ length: 10 }, () => throttled),
      { maxThrottles: 3 },
    );
    await expect(clock.runUntil(running)).rejects.toMatchObject({ kind: 'throttled', code: 'MR_THROTTLED' });
    expect(calls()).toBe(4);
  });

  it('passes every other fault on at once', async () => {
    for (const name of ['AccessDeniedException', 'ResourceNotFoundException', 'ExpiredIteratorException']) {
      const { clock, running, calls } = setup([awsError(name)]);
      const fault = await clock.runUntil(running).catch((thrown: unknown) => thrown as KinesisFault);
      expect(isKinesisFault(fault)).toBe(true);
      expect([calls(), clock.monotonicMillis()]).toEqual([1, 0]);
    }
  });

  it('rejects with the reason of the signal while it waits', async () => {
    const controller = new AbortController();
    const { clock, running } = setup([throttled], { signal: controller.signal });
    await clock.advance(10);
    controller.abort(new Error('the lease is lost'));
    await expect(running).rejects.toThrow('the lease is lost');
    expect(clock.pendingTimers).toBe(0);
  });
});
