import { describe, expect, it } from 'vitest';
import { withRoomFor } from '../../lib/app/block-work.ts';
import { type OptionSources, resolveConsumerSettings } from '../../lib/app/config/resolve.ts';
import { seededRandom } from '../../lib/base/random.ts';

const names = { applicationName: 'counts', streamName: 'orders' };

/** The limit of a worker whose blocks of 30 s are held back. */
function limitWith(sources: OptionSources): number {
  const machine = { random: seededRandom(1), hostname: 'mill', pid: 1 };
  const settings = resolveConsumerSettings({ options: names, ...sources, ...machine });
  return withRoomFor(settings, 30_000).maxUnackedBlocks;
}

describe('the room for blocks that are held back', () => {
  it('is made where nobody set maxUnackedBlocks', () => {
    expect(limitWith({ options: { ...names, blockIntervalMillis: 200 } })).toBe(150);
    // By default 256 KiB are a block too, of small records many in a second: as many as there is memory for.
    expect(limitWith({})).toBe(150 + 128);
    expect(limitWith({ options: { ...names, maxBufferedBytes: 256 * 1024 * 1024 } })).toBe(150 + 1_024);
  });

  it('is what somebody set, whatever the source, the value of the default included', () => {
    for (const blocks of [10, 64, 1_000]) {
      expect(limitWith({ options: { ...names, maxUnackedBlocks: blocks } })).toBe(blocks);
      expect(limitWith({ env: { MILLRACE_MAX_UNACKED_BLOCKS: String(blocks) } })).toBe(blocks);
      expect(limitWith({ flags: { 'max-unacked-blocks': String(blocks) } })).toBe(blocks);
    }
  });
});
