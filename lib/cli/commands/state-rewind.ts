import type { RewindTarget } from '../../app/admin.ts';
import { MillraceError } from '../../base/error.ts';
import type { CommandContext } from '../command-io.ts';
import { needsTerminalOrYes } from '../confirm.ts';
import type { StateRewindFlags } from '../definitions/state.ts';
import { optionsOf } from '../options-of.ts';
import { adminOptionsOf, changeState } from '../state-change.ts';

/** `millrace state rewind`: goes back to an earlier version, state and positions together. */
export async function stateRewind(this: CommandContext, flags: StateRewindFlags): Promise<void> {
  const { shard, yes = false, force = false, 'dry-run': dryRun = false } = flags;
  // "A quarter of an hour ago" is the same moment in the plan and in what is done.
  const to = targetOf(flags, this.io.clock.wallMillis());
  if (!dryRun) needsTerminalOrYes(this, 'a rewind takes groups from their holders', yes);
  const options = await optionsOf(this, flags);
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options, adminOptionsOf(flags));
  const shards = shard === undefined ? {} : { shards: shard };
  await changeState(this, flags, {
    question: (count) => `take ${count} groups of ${options.applicationName} back?`,
    perform: (isDry) => admin.state.rewind({ to, ...shards, force, dryRun: isDry }),
  });
}

function targetOf(flags: StateRewindFlags, nowMillis: number): RewindTarget {
  const { to, 'batch-id': batchId, 'versions-back': versionsBack } = flags;
  const given: RewindTarget[] = [];
  if (to !== undefined) given.push(to instanceof Date ? to : new Date(nowMillis - to.agoMillis));
  if (batchId !== undefined) given.push({ batchId });
  if (versionsBack !== undefined) given.push({ versionsBack });
  const [target] = given;
  if (target !== undefined && given.length === 1) return target;
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `${given.length === 0 ? 'nothing says' : 'several flags say'} where to go back to: give one of --to, --batch-id and --versions-back`,
    { subject: { option: 'to' } },
  );
}
