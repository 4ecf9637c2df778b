import type { CommandContext } from '../command-io.ts';
import type { ShardsFlags } from '../definitions/shards.ts';
import { withoutApplication } from '../flags/without-application.ts';
import { optionsOf } from '../options-of.ts';
import { shardsTable } from '../render/shards.ts';
import { show } from '../show.ts';

/** `millrace shards`: the shards of a stream. */
export async function shards(this: CommandContext, flags: ShardsFlags): Promise<void> {
  const options = await optionsOf(this, flags, withoutApplication);
  const { listShards } = await import('../../app/stream-shards.ts');
  const found = await listShards(options, new AbortController().signal);
  await show(this, flags.json ?? false, { lines: found, text: (canvas) => shardsTable(found, canvas) });
}
