import type { LeaseView } from '../../app/admin.ts';
import type { CommandContext } from '../command-io.ts';
import type { LeasesFlags } from '../definitions/leases.ts';
import { optionsOf } from '../options-of.ts';
import { leasesTable } from '../render/leases.ts';
import { show } from '../show.ts';

/** `millrace leases`: the leases of an application. */
export async function leases(this: CommandContext, flags: LeasesFlags): Promise<void> {
  // The rows say themselves of which stream they are; the option only has to be there.
  const options = await optionsOf(this, flags, { fallback: { streamName: 'any' } });
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options);
  const found: readonly LeaseView[] = await admin.leases();
  await show(this, flags.json ?? false, { lines: found, text: (canvas) => leasesTable(found, canvas) });
}
