import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../lib/base/error.ts';
import { type LivedFacts, type Restarts, noRestarts, planRestart } from '../../lib/receiver/restart-plan.ts';
import { isFaultOfReceiver } from '../../lib/receiver/shard-fault.ts';

const passing = new MillraceError('MR_ENDPOINT_UNREACHABLE', 'injected');
const fatal = new MillraceError('MR_ACCESS_DENIED', 'injected');
const started: LivedFacts = { hasStarted: true, hasRead: false, ranMillis: 5_000 };
const healthy: LivedFacts = { hasStarted: true, hasRead: true, ranMillis: 60_000 };

describe('the plan of restarts', () => {
  it('waits 2 s, doubling to 60 s, and gives up after maxReceiverRestarts', () => {
    const delays: number[] = [];
    let restarts: Restarts = noRestarts;
    for (;;) {
      const planned = planRestart(passing, started, restarts, { maxReceiverRestarts: 7 });
      if (planned === undefined) break;
      delays.push(planned.delayMillis);
      ({ restarts } = planned);
    }
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('counts from one again after a life that has read for a minute, and not after one that only stood', () => {
    const before = { hasStarted: true, count: 5 };
    expect(planRestart(passing, healthy, before, {})?.restarts.count).toBe(1);
    expect(planRestart(passing, { ...healthy, hasRead: false }, before, {})).toBeUndefined();
    expect(planRestart(passing, { ...healthy, ranMillis: 59_999 }, before, {})).toBeUndefined();
  });

  it('leaves alone what does not pass, and a first start that fails; a later start is tried again', () => {
    const neverStarted = { ...started, hasStarted: false };
    expect(planRestart(fatal, healthy, noRestarts, {})).toBeUndefined();
    expect(planRestart(passing, neverStarted, noRestarts, {})).toBeUndefined();
    expect(planRestart(passing, neverStarted, { hasStarted: true, count: 1 }, {})?.delayMillis).toBe(4_000);
    expect(planRestart(passing, healthy, noRestarts, { maxReceiverRestarts: 0 })).toBeUndefined();
  });
});

describe('the fault of a shard', () => {
  const internal = new MillraceError('MR_INTERNAL', 'injected');
  it.each([
    ['fatal, of one shard', internal, false, true, false],
    ['fatal, of one shard of a bounded run', internal, true, false, true],
    ['passing, while others read', passing, false, false, false],
    ['passing, while none reads', passing, false, true, true],
    ['of permissions', fatal, false, false, true],
    ['of the stream', new MillraceError('MR_STREAM_NOT_FOUND', 'injected'), false, false, true],
    ['of its position', new MillraceError('MR_POSITION_TRIMMED', 'injected'), false, true, false],
  ])('%s', (_, fault, isBounded, isAlone, expected) => {
    expect(isFaultOfReceiver({ fault, isBounded, isAlone })).toBe(expected);
  });
});
