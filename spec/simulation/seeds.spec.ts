import { describe, expect, it } from 'vitest';
import { simulate } from '../../lib/testkit/simulator.ts';
import { storedSetups } from './stored-setups.ts';

describe('a setup that was broken once', () => {
  it.each(storedSetups().map(({ name, setup }) => [name.replaceAll('-', ' '), setup] as const))(
    'holds: %s',
    async (_, setup) => {
      const { broken, convergedAfterMillis } = await simulate(setup);
      expect(broken).toBeUndefined();
      expect(convergedAfterMillis).toBeGreaterThan(0);
    },
    60_000,
  );

  it('is simulated as it is stored: the same each time, and another than what its seed draws today', async () => {
    const [first] = storedSetups();
    const hashes = [first!.setup, first!.setup, first!.setup.seed].map(async (one) => (await simulate(one)).traceHash);
    const [once, again, drawn] = await Promise.all(hashes);
    expect(again).toBe(once);
    expect(drawn).not.toBe(once);
  }, 60_000);
});
