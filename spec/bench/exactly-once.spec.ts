import { describe, expect, it } from 'vitest';
import { exactlyOnceBudgets } from '../../bench/exactly-once.ts';
import { measureExactlyOnce } from '../../bench/exactly-once/measure.ts';

describe('the bench of exactly once', () => {
  it('measures, and a commit writes no more than its budget, in both scopes', async () => {
    const { writesPerCommit, writesPerPlannedCommit } = exactlyOnceBudgets;
    const once = { application: writesPerCommit, shard: writesPerCommit };
    const planned = { application: writesPerPlannedCommit, shard: writesPerPlannedCommit };
    const small = { records: 50, wordsPerRecord: 3, words: 20, rounds: 3, keys: 500 };
    const figures = await measureExactlyOnce(small, () => {});
    expect(figures).toMatchObject({
      keys: 500,
      dynamoWritesPerCommit: once,
      stateWritesPerCommit: once,
      dynamoWritesPerPlannedCommit: planned,
      stateWritesPerPlannedCommit: planned,
    });
    expect(figures.ratioOverAtLeastOnce).toBeGreaterThan(0);
    expect(figures.recoveryMillis).toBeLessThan(exactlyOnceBudgets.recoveryMillis);
  });
});
