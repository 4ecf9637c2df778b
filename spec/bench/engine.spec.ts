import { describe, expect, it } from 'vitest';
import { engineItems } from '../../bench/engine/items.ts';
import { type EngineBenchOptions, measureEngine } from '../../bench/engine/measure.ts';
import { wordBatches } from '../../bench/engine/words.ts';

const small: EngineBenchOptions = {
  records: 50,
  wordsPerRecord: 3,
  keys: 20,
  rounds: 3,
  only: [],
  stateKeys: [100, 1_000],
};

describe('the bench of the engine', () => {
  it('measures every item against a loop by hand that comes to the same', async () => {
    const { items, stateCostRatio } = await measureEngine(small, () => {});
    const names = ['empty-batch', 'word-count', 'window', 'window-inverse', 'update-state', 'map-with-state', 'join'];
    expect(items.map(({ name }) => name)).toEqual(names);
    for (const item of items) {
      expect(item.medianMillis).toBeGreaterThan(0);
      expect(item.medianMillis).toBeLessThanOrEqual(item.slowestMillis);
      expect(item.ratioOverHandWritten).toBeGreaterThan(0);
      if (item.name !== 'empty-batch') expect(item.checksum).toBeGreaterThan(0);
    }
    expect(stateCostRatio).toBeGreaterThan(0);
  });

  it('puts different words into every batch, the same ones for the same seed', () => {
    const texts = (seed: number) =>
      wordBatches(small, 2, seed).map((blocks) => blocks.flatMap(({ records }) => records.map((r) => r.text())));
    const [first, second] = texts(1);
    expect(first).toHaveLength(50);
    expect(first).not.toEqual(second);
    expect(texts(1)).toEqual([first, second]);
    expect(texts(2)[0]).not.toEqual(first);
  });

  it('has loops by hand that notice a record more', async () => {
    const [blocks] = wordBatches(small, 1);
    for (const { name, byHand } of engineItems) {
      const all = await byHand()(blocks!);
      expect(all, name).not.toBe(0);
      const without = await byHand()(blocks!.slice(1));
      if (name !== 'empty-batch') expect(without, name).not.toBe(all);
    }
  });
});
