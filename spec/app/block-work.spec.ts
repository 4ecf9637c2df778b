import { describe, expect, it } from 'vitest';
import { withRoomFor } from '../../lib/app/block-work.ts';
import { type OptionSources, resolveConsumerSettings } from '../../lib/app/config/resolve.ts';
import { seededRandom } from '../../lib/base/random.ts';

const names = { applicationName: 'counts', streamName: 'orders', blockIntervalMillis: 200 };

/** The limit of a worker whose blocks of 30 s are held back: 150 of 200 ms each. */
function limitWith(sources: OptionSources): number {
  const machine = { random: seededRandom(1), hostname: 'mill', pid: 1 };
  const settings = resolveConsumerSettings({ options: names, ...sources, ...machine });
  return withRoomFor(settings, 30_000).maxUnackedBlocks;
}

describe('the room for blocks that are held back', () => {
  it('is made where nobody set maxUnackedBlocks', () => {
    expect(limitWith({})).toBe(150);
  });

  it('is what somebody set, whatever the source, the value of the default included', () => {
    for (const blocks of [10, 64, 1_000]) {
      expect(limitWith({ options: { ...names, maxUnackedBlocks: blocks } })).toBe(blocks);
      expect(limitWith({ env: { MILLRACE_MAX_UNACKED_BLOCKS: String(blocks) } })).toBe(blocks);
      expect(limitWith({ flags: { 'max-unacked-blocks': String(blocks) } })).toBe(blocks);
    }
  });
});
