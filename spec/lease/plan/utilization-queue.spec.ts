import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorkerQueue } from '../../../lib/lease/plan/utilization-queue.ts';

describe('WorkerQueue', () => {
  it('gives the entries in order, however polls and additions alternate', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 50 }))), (steps) => {
        const queue = new WorkerQueue<number>((a, b) => a < b);
        const model: number[] = [];
        for (const step of steps) {
          if (step === null) {
            expect(queue.poll()).toBe(model.shift());
            continue;
          }
          queue.add(step);
          model.push(step);
          model.sort((a, b) => a - b);
        }
        for (const expected of model) expect(queue.poll()).toBe(expected);
        expect(queue.poll()).toBeUndefined();
      }),
    );
  });
});
