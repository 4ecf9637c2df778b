import type { CommandContext } from '../command-io.ts';
import type { StateFlags } from '../definitions/state.ts';
import { optionsOf } from '../options-of.ts';
import { groupsTable } from '../render/state.ts';
import { show } from '../show.ts';
import { adminOptionsOf } from '../state-change.ts';

/** `millrace state inspect`: what a streaming program has committed. */
export async function stateInspect(this: CommandContext, flags: StateFlags): Promise<void> {
  const options = await optionsOf(this, flags);
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options, adminOptionsOf(flags));
  const found = await admin.state.inspect();
  const lines = found.groups.map((group) => ({ scope: found.scope, ...group }));
  await show(this, flags.json ?? false, { lines, text: (canvas) => groupsTable(found, canvas) });
}
