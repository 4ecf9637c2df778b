import type { SeekMove, SeekRequest } from '../../app/admin.ts';
import { MillraceError } from '../../base/error.ts';
import type { CommandContext } from '../command-io.ts';
import { agrees, needsTerminalOrYes } from '../confirm.ts';
import type { GivenPlace, SeekFlags } from '../definitions/seek.ts';
import { exitCodes } from '../exit-code.ts';
import { optionsOf } from '../options-of.ts';
import { movesTable } from '../render/moves.ts';
import { canvasOf, show } from '../show.ts';

/** `millrace seek`: moves an application to another place of its stream. */
export async function seek(this: CommandContext, flags: SeekFlags): Promise<void> {
  const { to, shard, state, yes = false, json = false, 'dry-run': dryRun = false } = flags;
  if (to === undefined) {
    throw new MillraceError(
      'MR_CONFIG_INVALID',
      '--to is missing: give the place to go to, such as 2h or TRIM_HORIZON',
      {
        subject: { option: 'to' },
      },
    );
  }
  if (!dryRun) needsTerminalOrYes(this, 'a seek takes leases from their owners', yes);
  const options = await optionsOf(this, flags);
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options);
  // "Two hours ago" is the same moment in the plan and in what is done.
  const request = {
    to: momentOf(to, this.io.clock.wallMillis()),
    ...(shard === undefined ? {} : { shards: shard }),
    ...(state === undefined ? {} : { state }),
  };
  const print = (moves: readonly SeekMove[]) =>
    show(this, json, { lines: moves, text: (canvas) => movesTable(moves, request.to, canvas) });
  if (dryRun) return await print(await admin.seek({ ...request, dryRun }));
  if (!yes) {
    const plan = await admin.seek({ ...request, dryRun: true });
    this.io.stderr.write(movesTable(plan, request.to, canvasOf(this.io.stderr, this.env)));
    if (!(await agrees(this, `move ${plan.length} leases of ${options.applicationName}?`))) {
      this.io.stderr.write('nothing was changed\n');
      this.process.exitCode = exitCodes.failed;
      return;
    }
  }
  await print(await admin.seek(request));
}

function momentOf(place: GivenPlace, nowMillis: number): SeekRequest['to'] {
  return typeof place === 'object' && 'agoMillis' in place ? new Date(nowMillis - place.agoMillis) : place;
}
