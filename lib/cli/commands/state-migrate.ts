import { MillraceError } from '../../base/error.ts';
import type { CommandContext } from '../command-io.ts';
import { needsTerminalOrYes } from '../confirm.ts';
import type { StateMigrateFlags } from '../definitions/state.ts';
import { optionsOf } from '../options-of.ts';
import { adminOptionsOf, changeState } from '../state-change.ts';

/** `millrace state migrate`: brings state to another place or scope, or gives it up. */
export async function stateMigrate(this: CommandContext, flags: StateMigrateFlags): Promise<void> {
  const { 'to-state': toState, 'to-scope': toScope, 'discard-state': discardState, yes = false } = flags;
  const asked = [toState !== undefined, toScope !== undefined, discardState === true].filter(Boolean).length;
  if (asked !== 1) {
    throw new MillraceError('MR_CONFIG_INVALID', 'give one of --to-state, --to-scope and --discard-state', {
      subject: { option: 'to-state' },
    });
  }
  if (flags['dry-run'] !== true) needsTerminalOrYes(this, 'a migration takes groups from their holders', yes);
  const options = await optionsOf(this, flags);
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options, adminOptionsOf(flags));
  const request = {
    ...(toState === undefined ? {} : { toState }),
    ...(toScope === undefined ? {} : { toScope }),
    ...(discardState === true ? { discardState } : {}),
  };
  await changeState(this, flags, {
    question: (count) =>
      discardState === true
        ? `give up the state of ${count} groups of ${options.applicationName} for good?`
        : `bring ${count} groups of ${options.applicationName} to ${toState ?? `${toScope} scope`}?`,
    perform: (dryRun) => admin.state.migrate({ ...request, dryRun }),
  });
}
