import type { Admin } from '../../app/admin.ts';
import { pause } from '../../base/clock.ts';
import type { CommandContext } from '../command-io.ts';
import type { LagFlags } from '../definitions/lag.ts';
import { optionsOf } from '../options-of.ts';
import { type LagRow, lagTable } from '../render/lag.ts';
import { type Finding, canvasOf, show } from '../show.ts';
import { untilSignal } from '../until-signal.ts';

const defaultIntervalSeconds = 5;
/** The cursor to the top left, and everything from there erased (ECMA-48). */
const clearScreen = '\u001b[H\u001b[J';

/** `millrace lag`: how far the checkpoints of an application are behind, once or again and again. */
export async function lag(this: CommandContext, flags: LagFlags): Promise<void> {
  const options = await optionsOf(this, flags);
  const { json = false, watch = false, 'interval-seconds': seconds = defaultIntervalSeconds } = flags;
  const { createAdmin } = await import('../../app/admin.ts');
  await using admin = createAdmin(options);
  if (!watch) return await show(this, json, finding(await rowsOf(admin)));
  const { io } = this;
  const end = await untilSignal(io, async (signal) => {
    while (!signal.aborted) {
      const rows = await rowsOf(admin);
      const time = new Date(io.clock.wallMillis()).toISOString();
      await show(this, json, watched(rows, time, canvasOf(io.stdout, this.env).columns !== undefined));
      await pause(io.clock, seconds * 1_000, signal);
    }
  });
  if (end.tag === 'aborted') this.process.exitCode = end.exitCode;
}

async function rowsOf(admin: Admin): Promise<readonly LagRow[]> {
  const lags = await admin.lag();
  const leases = new Map((await admin.leases()).map((lease) => [lease.shardId, lease]));
  return lags.map(({ shardId, millisBehindLatest }) => {
    const lease = leases.get(shardId);
    return {
      shardId,
      millisBehindLatest,
      ...(lease?.leaseOwner === undefined ? {} : { leaseOwner: lease.leaseOwner }),
      ...(lease === undefined ? {} : { checkpoint: lease.checkpoint }),
    };
  });
}

function finding(rows: readonly LagRow[]): Finding {
  return { lines: rows, text: (canvas) => lagTable(rows, canvas) };
}

function watched(rows: readonly LagRow[], time: string, isTerminal: boolean): Finding {
  return {
    lines: rows.map((row) => ({ time, ...row })),
    text: (canvas) => `${isTerminal ? clearScreen : ''}${time}\n${lagTable(rows, canvas)}${isTerminal ? '' : '\n'}`,
  };
}
