import type { Clock } from '../base/clock.ts';
import { linkedController } from '../base/abort.ts';
import { isMillraceError } from '../base/error.ts';
import type { Notifier } from '../base/notifier.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import type { LeaseTable } from '../lease/lease-table.ts';

/** How often the parents' rows are read when nobody tells of a change (KCL: 10 s). */
const parentShardPollIntervalMillis = 1_000;

/** What the gate needs. */
export interface ParentGateOptions {
  readonly table: Pick<LeaseTable, 'get'>;
  readonly clock: Clock;
  /** Notified when a shard of this process ends. */
  readonly leasesChanged: Notifier;
}

/**
 * Waits until every parent of the shard is finished: its lease is at SHARD_END or gone. The rows are read consistently, so
 * a parent that was just finished elsewhere is seen, and one that is not cannot look finished. Rejects with the
 * signal's reason when it aborts.
 */
export async function waitForParents(lease: Lease, options: ParentGateOptions, signal: AbortSignal): Promise<void> {
  const waiting = new Set(lease.parentShardIds);
  while (waiting.size > 0) {
    for (const parent of waiting) {
      if (await isFinished(parent, options, signal)) waiting.delete(parent);
    }
    if (waiting.size > 0) await changeOrPoll(options, signal);
    signal.throwIfAborted();
  }
}

async function isFinished(parent: string, options: ParentGateOptions, signal: AbortSignal): Promise<boolean> {
  try {
    const row = await options.table.get(parent, signal);
    return row === undefined || isEnded(row);
  } catch (thrown) {
    // An unreachable table says nothing about the parent: ask again.
    if (!signal.aborted && isMillraceError(thrown) && thrown.reaction !== 'fatal') return false;
    throw thrown;
  }
}

async function changeOrPoll(options: ParentGateOptions, signal: AbortSignal): Promise<void> {
  using poll = linkedController(signal);
  const cancel = options.clock.timer(parentShardPollIntervalMillis, () => poll.abort('look again'));
  await options.leasesChanged.wait(poll.signal);
  cancel();
}
