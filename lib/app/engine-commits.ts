import { deadlineController, stayingController } from '../base/abort.ts';
import { systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { retryWhilePassing } from '../base/retry.ts';
import { systemRandom } from '../base/random.ts';
import { CommitPlace } from '../engine/commit/commit-place.ts';
import { codecsOf } from '../engine/commit/plan-codecs.ts';
import { checkConversions } from '../engine/commit/state-conversion.ts';
import { type Epoch, EpochKeeper } from '../engine/commit/epoch-keeper.ts';
import type { EngineContextOptions } from '../engine/context.ts';
import type { Plan } from '../engine/plan.ts';
import type { StateStore } from '../engine/state-store.ts';
import type { EventSink } from '../event/bus.ts';
import { AwsDynamo } from '../lease/dynamo/aws-dynamo.ts';
import { clientsOf } from './assembly.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { DynamoEpochTable } from './epoch-table.ts';
import { engineTableName, openStateTables } from './state/open-tables.ts';
import { checkStart } from './state/state-check.ts';

/** How much is kept of what is committed. */
export interface StateRetention {
  /** Batches from one snapshot of all state to the next; between them what changed is written: 10. */
  readonly snapshotIntervalBatches?: number;
  /** Committed versions that are kept, for rewinding: 10. */
  readonly retainedVersions?: number;
}

/** Where a plan's batches are committed; `undefined` where its state does not outlive the process. */
export function commitPlaceOf(
  plan: Plan,
  store: StateStore | undefined,
  application: string | undefined,
  options: StateRetention & Pick<EngineContextOptions, 'convertState'>,
): CommitPlace | undefined {
  if (store?.isDurable !== true || application === undefined) return undefined;
  const codecs = codecsOf(plan);
  const { snapshotIntervalBatches, retainedVersions } = options;
  return new CommitPlace({
    store,
    application,
    scope: plan.scope,
    codecs,
    conversions: checkConversions(options.convertState, codecs),
    random: systemRandom,
    ...(snapshotIntervalBatches === undefined ? {} : { snapshotIntervalBatches }),
    ...(retainedVersions === undefined ? {} : { retainedVersions }),
  });
}

/**
 * Holds a start to what was committed so far, in the tables of all its streams; see `checkStart`. Answers whether there is
 * anything to go on from.
 * @throws MillraceError `MR_SCOPE_CHANGED`, `MR_STATE_UNREACHABLE`, `MR_STATE_FOREIGN`; a fault of a table that does not pass
 */
export async function checkRecorded(
  plan: Plan,
  store: StateStore,
  inputs: readonly ConsumerSettings[],
  events: EventSink,
  signal: AbortSignal,
): Promise<boolean> {
  let isRecovered = false;
  const [clock, random] = [systemClock, systemRandom];
  const { scope, scopeReason } = plan;
  const onFault = ({ code, message, subject }: MillraceError) =>
    events.publish({ type: 'fault.seen', code, message, subject });
  for (const [index, settings] of inputs.entries()) {
    const clients = clientsOf(settings);
    const { applicationName } = settings;
    const tables = openStateTables(clients, settings, clock);
    const start = { tables, store, applicationName, scope, scopeReason, random, claims: index === 0 };
    try {
      const found = await retryWhilePassing(() => checkStart(start, signal), { clock, random, signal, onFault });
      isRecovered ||= found === 'recovered';
    } finally {
      clients.destroy();
    }
  }
  return isRecovered;
}

/** The epoch of an application, held until it is given back. */
export interface HeldEpoch extends AsyncDisposable {
  readonly epoch: Epoch;
}

/** How long giving an epoch back may take; past that it expires. */
const releaseTimeoutMillis = 5_000;

/**
 * Waits until this process is the one that computes the application, and keeps it so until the end. The row is in the
 * table `<applicationName>-Engine`, made where it is missing.
 * @throws the signal's reason; a fault of the table that does not pass
 */
export async function holdEpoch(
  settings: ConsumerSettings,
  events: EventSink,
  signal: AbortSignal,
): Promise<HeldEpoch> {
  const { applicationName, workerIdentifier, failoverTimeMillis } = settings;
  const clients = clientsOf(settings);
  const clock = systemClock;
  const dynamo = new AwsDynamo(clients.dynamoDB, engineTableName(applicationName));
  const table = new DynamoEpochTable(dynamo, applicationName, clock);
  const keeper = new EpochKeeper({
    table,
    applicationName,
    workerIdentifier,
    failoverTimeMillis,
    clock,
    random: systemRandom,
    events,
  });
  try {
    const epoch = await keeper.acquire(signal);
    const beating = stayingController();
    const beats = epoch.run(beating.signal);
    return {
      epoch,
      [Symbol.asyncDispose]: async () => {
        beating.abort();
        await beats;
        const late = () => new MillraceError('MR_ENDPOINT_UNREACHABLE', 'the epoch was not given back in time');
        using deadline = deadlineController(clock, releaseTimeoutMillis, late);
        await epoch.release(deadline.signal).catch(() => {});
        clients.destroy();
      },
    };
  } catch (thrown) {
    clients.destroy();
    throw thrown;
  }
}
