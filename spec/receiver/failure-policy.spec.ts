import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import {
  type FailureDecision,
  type FailurePolicy,
  decideAfterFailure,
  isStuckEventDue,
} from '../../lib/receiver/failure-policy.ts';

const policy: FailurePolicy = {
  maximumRetryAttempts: -1,
  maximumRecordAgeInSeconds: -1,
  bisectBatchOnFunctionError: false,
  // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
  then: 'STOP',
};

/** Records that are 0, 1, 2, ... seconds old at service time 1,000,000, the oldest first. */
function recordsAged(...ages: number[]): KinesisRecord[] {
  return ages.map(
    (seconds, index) =>
      new KinesisRecord({
        data: new Uint8Array(),
        partitionKey: 'k',
        sequenceNumber: String(index + 1),
        subSequenceNumber: 0,
        shardId: 'shardId-0',
        streamName: 'orders',
        arrivalTimeMillis: 1_000_000 - seconds * 1000,
      }),
  );
}

function decide(changes: Partial<FailurePolicy>, failedAttempts: number, ages: number[], isRest = false): string {
  const failure = { records: recordsAged(...ages), failedAttempts, serviceTimeMillis: 1_000_000, isRest };
  return told(decideAfterFailure({ ...policy, ...changes }, failure, seededRandom(failedAttempts)));
}

function told(decision: FailureDecision): string {
  const ids = (records: readonly KinesisRecord[]) => records.map((record) => record.sequenceNumber).join('');
  if (decision.action === 'retry') return 'retry';
  if (decision.action === 'bisect') return `bisect ${decision.halves.map(ids).join('|')}`;
  return `giveUp(${decision.because}) ${ids(decision.records)} rest ${ids(decision.rest)}`;
}

describe('the decision after a failure', () => {
  const bisectBatchOnFunctionError = true;
  it.each([
    ['tries again without end by default', {}, 1_000, [9, 5], 'retry'],
    ['allows as many further attempts as the policy says', { maximumRetryAttempts: 2 }, 2, [1], 'retry'],
    ['gives up when they are used up', { maximumRetryAttempts: 2 }, 3, [1, 0], 'giveUp(attempts) 12 rest '],
    [
      'gives up at the first failure when there are none',
      { maximumRetryAttempts: 0 },
      1,
      [1],
      'giveUp(attempts) 1 rest ',
    ],
    ['tries again up to the greatest age', { maximumRecordAgeInSeconds: 60 }, 9, [60, 5], 'retry'],
    [
      'gives up only the records that are too old',
      { maximumRecordAgeInSeconds: 60 },
      1,
      [70, 61, 60, 5],
      'giveUp(age) 12 rest 34',
    ],
    [
      'gives up all when both limits are passed',
      { maximumRecordAgeInSeconds: 60, maximumRetryAttempts: 1 },
      2,
      [61, 5],
      'giveUp(attempts) 12 rest ',
    ],
    [
      'splits in halves at once, whatever the limits, the first half being the longer',
      { bisectBatchOnFunctionError },
      1,
      [3, 2, 1],
      'bisect 12|3',
    ],
    ['tries a record again that fails alone', { bisectBatchOnFunctionError, maximumRetryAttempts: 1 }, 1, [3], 'retry'],
    [
      'splits at the greatest age, too',
      { bisectBatchOnFunctionError, maximumRecordAgeInSeconds: 60 },
      1,
      [99, 1],
      'bisect 1|2',
    ],
    [
      'cannot split one record',
      { bisectBatchOnFunctionError, maximumRetryAttempts: 0 },
      1,
      [3],
      'giveUp(attempts) 1 rest ',
    ],
  ])('%s', (_, changes, failedAttempts, ages, expected) => {
    expect(decide(changes, failedAttempts, ages)).toBe(expected);
  });

  it('tries the rest as it is when the handler has said how far it came, and splits it at a limit', () => {
    const changes = { bisectBatchOnFunctionError, maximumRetryAttempts: 1 };
    expect(decide(changes, 1, [2, 1], true)).toBe('retry');
    expect(decide({ ...changes, maximumRetryAttempts: 0 }, 1, [2, 1], true)).toBe('bisect 1|2');
  });

  it('waits between half of and the whole bound, which doubles from 200 ms to 30 s', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer(), (failedAttempts, seed) => {
        const failure = { records: recordsAged(0), failedAttempts, serviceTimeMillis: 1_000_000 };
        const decision = decideAfterFailure(policy, failure, seededRandom(seed));
        const bound = Math.min(30_000, 200 * 2 ** (failedAttempts - 1));
        expect(decision.action).toBe('retry');
        const { delayMillis } = decision as { delayMillis: number };
        expect(delayMillis).toBeGreaterThanOrEqual(bound / 2);
        expect(delayMillis).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it('tells of stuck records from the third failure on, at most every 30 s', () => {
    expect(isStuckEventDue(2, 1_000, undefined)).toBe(false);
    expect(isStuckEventDue(3, 1_000, undefined)).toBe(true);
    expect(isStuckEventDue(4, 30_999, 1_000)).toBe(false);
    expect(isStuckEventDue(5, 31_000, 1_000)).toBe(true);
  });
});
