import { describe, expect, it } from 'vitest';
import { drawEngineSetup } from '../../lib/testkit/engine/engine-setup.ts';
import { simulateEngine } from '../../lib/testkit/engine/engine-simulator.ts';

/** A few seeds of each scope; `npm run simulate -- --engine` tries many. */
const seeds = Array.from({ length: 12 }, (_, index) => index + 1);

describe('an application with an engine, under the faults of a seed', () => {
  it.each(seeds)('has every record once in what it commits (seed %i)', async (seed) => {
    const { broken, commits, records } = await simulateEngine(seed);
    expect(broken).toBeUndefined();
    expect(commits).toBeGreaterThan(0);
    expect(records).toBeGreaterThan(0);
  });

  it('draws both scopes', () => {
    expect(new Set(seeds.map((seed) => drawEngineSetup(seed).scope))).toEqual(new Set(['shard', 'application']));
  });

  it('does the same again, and something else under another seed', async () => {
    const [once, again, other] = [await simulateEngine(3), await simulateEngine(3), await simulateEngine(4)];
    expect(again?.traceHash).toBe(once?.traceHash);
    expect(other?.traceHash).not.toBe(once?.traceHash);
  });
});
