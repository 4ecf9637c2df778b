import type { DrainedWorker } from '../../app/admin.ts';
import { escapeControl } from '../../base/text.ts';
import type { CommandContext } from '../command-io.ts';
import { agrees, needsTerminalOrYes } from '../confirm.ts';
import type { DrainFlags } from '../definitions/drain.ts';
import { exitCodes } from '../exit-code.ts';
import { optionsOf } from '../options-of.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { duration } from '../render/duration.ts';
import { show } from '../show.ts';

/** `millrace drain`: drains a running worker from outside. */
export async function drain(this: CommandContext, flags: DrainFlags, worker: string): Promise<void> {
  const { yes = false, json = false } = flags;
  needsTerminalOrYes(this, 'a drain ends the run of a worker', yes);
  const options = await optionsOf(this, flags, { fallback: { streamName: 'any' } });
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options);
  const { io } = this;
  if (!yes) {
    const held = (await admin.leases()).filter(({ leaseOwner, isEnded }) => leaseOwner === worker && !isEnded);
    if (!(await agrees(this, `drain ${worker}, which holds ${held.length} leases of ${options.applicationName}?`))) {
      io.stderr.write('nothing was changed\n');
      this.process.exitCode = exitCodes.failed;
      return;
    }
  }
  const startMillis = io.clock.monotonicMillis();
  const waited = () => duration(io.clock.monotonicMillis() - startMillis);
  const display = new ProgressDisplay(io.stderr, io.clock, () => escapeControl(`waiting for ${worker}, ${waited()}`));
  display.start();
  const drained = await admin.drain(worker).finally(() => display.stop());
  await show(this, json, { lines: [drained], text: () => textOf(drained) });
}

function textOf({ workerIdentifier, shards, answeredAfterMillis, drainedAfterMillis, isBack }: DrainedWorker): string {
  const gave = shards.length === 0 ? 'held no lease' : `gave back ${shards.length} leases: ${shards.join(', ')}`;
  const times = `answered after ${duration(answeredAfterMillis)}, drained after ${duration(drainedAfterMillis)}`;
  const again = isBack ? '; a worker of that name takes part again' : '';
  return `${escapeControl(`${workerIdentifier} ${gave}; ${times}${again}`)}\n`;
}
