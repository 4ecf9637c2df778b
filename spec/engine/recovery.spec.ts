import { describe, expect, it } from 'vitest';
import type { DStream } from '../../lib/engine/stream.ts';
import { Restarts } from './cases/restarts.ts';

const log = [['a'], ['a', 'b'], ['b'], ['a', 'a', 'a'], ['b']];
const batchIntervalMillis = 1_000;
const build = (s: DStream<never>) =>
  (s as DStream<unknown> as DStream<string>)
    .mapToPair((word) => [word, 1])
    .updateStateByKey<number>('counts', (values, count = 0) => count + values.length);

describe('a program that is started again', () => {
  it('tells the true number of records of a batch that is repeated, unlike Spark', async () => {
    const program = new Restarts({ batchIntervalMillis, log });
    await program.run({ build, killAt: { batchId: 4, step: 'outputsDone' } });
    program.loseNoTime();
    await program.run({ build });
    const started = program.events.filter((event) => event.type === 'batch.started');
    expect(started.map(({ batchId, records }) => [batchId, records])).toEqual([
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 3],
      [4, 3],
      [5, 1],
    ]);
    expect(program.shown.at(-1)?.items).toEqual([
      ['a', 5],
      ['b', 3],
    ]);
  });

  it.each([
    ['run', [3_000, 4_000, 5_000, 6_000, 7_000]],
    ['coalesce', [3_000, 7_000]],
    ['skip', [3_000, 7_000]],
  ] as const)('makes up for the batch times without a process as onDowntime says: %s', async (onDowntime, times) => {
    const program = new Restarts({ batchIntervalMillis, log, context: { onDowntime } });
    await program.run({ build, killAt: { batchId: 3, step: 'committed' } });
    await program.clock.advance(3_000);
    await program.run({ build, available: 4 });
    expect(program.shown.filter(({ batchId }) => batchId >= 3).map((one) => one.batchTimeMillis)).toEqual(times);
    expect(program.shown.at(-1)?.items).toEqual([
      ['a', 5],
      ['b', 2],
    ]);
  });

  it('makes up for the newest 100 of the batch times of a long time', async () => {
    const program = new Restarts({ batchIntervalMillis, log });
    await program.run({ build, killAt: { batchId: 3, step: 'committed' } });
    await program.clock.advance(3_600_000);
    await program.run({ build, available: 4 });
    expect(program.committed).toBe(103);
    expect(program.shown.at(-1)?.items).toEqual([
      ['a', 5],
      ['b', 2],
    ]);
  });
});
