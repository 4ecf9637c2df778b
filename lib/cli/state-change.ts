import type { AdminOptions, StateMove } from '../app/admin.ts';
import type { CommandContext } from './command-io.ts';
import { agrees } from './confirm.ts';
import type { StateChangeFlags, StateFlags } from './definitions/state.ts';
import { exitCodes } from './exit-code.ts';
import { stateMovesTable } from './render/state.ts';
import { canvasOf, show } from './show.ts';

/** What an administrator is told by the flags about state. */
export function adminOptionsOf({ state }: StateFlags): AdminOptions {
  return state === undefined ? {} : { state };
}

/** A change of state as a command makes it. */
export interface StateChange {
  /** What is asked before it is done; `count` groups are concerned. */
  readonly question: (count: number) => string;
  readonly perform: (dryRun: boolean) => Promise<readonly StateMove[]>;
}

/** Shows what a change would do and asks, unless told not to; then does it, and shows what it did. */
export async function changeState(
  context: CommandContext,
  { yes = false, json = false, 'dry-run': dryRun = false }: StateChangeFlags,
  { question, perform }: StateChange,
): Promise<void> {
  const print = (moves: readonly StateMove[]) =>
    show(context, json, { lines: moves, text: (canvas) => stateMovesTable(moves, canvas) });
  if (dryRun) return print(await perform(true));
  if (!yes) {
    const plan = await perform(true);
    context.io.stderr.write(stateMovesTable(plan, canvasOf(context.io.stderr, context.env)));
    if (!(await agrees(context, question(plan.length)))) {
      context.io.stderr.write('nothing was changed\n');
      context.process.exitCode = exitCodes.failed;
      return;
    }
  }
  await print(await perform(false));
}
