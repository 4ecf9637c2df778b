import { listAllShards } from '../kinesis/shard-lister.ts';
import type { Shard } from '../kinesis/shard.ts';
import type { Lease } from '../lease/lease.ts';
import { LeaseCoordinator } from '../lease/lease-coordinator.ts';
import type { Keeper } from '../lease/keeper.ts';
import type { LeaseKeeperOptions } from '../lease/keeper-options.ts';
import { LeaseKeeper } from '../lease/lease-keeper.ts';
import type { TableSnapshot } from '../lease/lease-table.ts';
import type { HandoffBegun, LeaseLost } from '../lease/keeper-messages.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';
import { takingOver } from '../lease/plan/take-over-plan.ts';
import { defaultAssignmentOptions } from '../lease/plan/utilization-types.ts';
import { ShardSyncer } from '../lease/shard-syncer.ts';
import type { Measurements } from '../lease/worker-reporter.ts';
import type { ConfirmGoneOptions } from './confirm-gone.ts';
import { openStream, shardFilterAt } from './open-stream.ts';
import type { ReceiverOptions } from './receiver-options.ts';
import type { ShardEndOptions } from './shard-end.ts';
import { type Bound, boundOf } from './until.ts';

/** The parts of a receiver that exist once the stream is known. */
export interface ReceiverParts {
  readonly streamName: string;
  /** Whether the place of a record follows from its keys; AUTO distribution goes by none. */
  readonly isPlacedByKey: boolean;
  /** How long the stream keeps records. */
  readonly retentionMillis: number;
  readonly coordinator: LeaseCoordinator;
  readonly keeper: Keeper;
  readonly bound: Bound | undefined;
  readonly children: ShardEndOptions;
  readonly gone: ConfirmGoneOptions;
}

/** What the parts tell the receiver. */
export interface ReceiverPartsListener {
  /** Everything of the leases' writes is told through this keeper from now on. */
  readonly onKeeper: (keeper: Keeper) => void;
  /** A tenure has begun. */
  readonly onGained: (lease: Lease, parts: ReceiverParts) => void;
  readonly onLost: (lost: LeaseLost) => void;
  /** Somebody asked by the table for the drain of this worker. */
  readonly onDrainRequested: (request: string) => void;
  readonly onHandoff: (begun: HandoffBegun, keeper: Keeper) => void;
  /** See {@link LeaseCoordinatorOptions}. */
  readonly onSnapshot: (snapshot: TableSnapshot, provenWorkers: readonly string[]) => void;
}

/**
 * Looks at the stream and makes the parts that work on it. Nothing is written yet: the coordinator joins when it starts.
 * @throws MillraceError `MR_STREAM_NOT_FOUND`, `MR_STREAM_NOT_ACTIVE`, or the fault that went on for too long
 */
export async function openParts(
  options: ReceiverOptions,
  listener: ReceiverPartsListener,
  signal: AbortSignal,
): Promise<ReceiverParts> {
  const { api, table, clock, random, events, settings, plan, exclusive = false } = options;
  const { assignment, measurements = measuresNothing } = options;
  const ports = { clock, random, events };
  const serviceTimeMillis = () => api.serviceTimeMillis();
  // A keeper in a thread of its own starts while the stream is looked at.
  const keeperMade = keeperOf(options, {
    ...settings,
    ...ports,
    table,
    serviceTimeMillis,
    onLost: listener.onLost,
    onHandoff: (begun) => listener.onHandoff(begun, keeper),
  });
  keeperMade.catch(() => {});
  const description = await openStream(api, ports, signal);
  const { streamName, streamArn, createdAtMillis: streamCreatedAtMillis } = description;
  const stream = { streamName, streamArn, streamCreatedAtMillis };
  const keeper = await keeperMade;
  listener.onKeeper(keeper);
  const listShards = (at: InitialPosition | undefined, inner: AbortSignal) => shardsOf(options, at, inner);
  const { initialPosition } = settings;
  const retentionMillis = description.retentionPeriodHours * 3_600_000;
  const syncer = new ShardSyncer({
    table,
    stream,
    initialPosition,
    listShards,
    serviceTimeMillis,
    retentionMillis,
    events,
  });
  const coordinator = new LeaseCoordinator({
    ...settings,
    ...ports,
    table,
    keeper,
    syncer,
    stream,
    plan:
      options.takesOver === true
        ? takingOver(plan, new Set([settings.workerIdentifier, ...(options.companions ?? [])]))
        : plan,
    takesOver: options.takesOver === true,
    exclusive,
    ...(options.companions === undefined ? {} : { companions: options.companions }),
    onGained: (lease) => listener.onGained(lease, parts),
    onSnapshot: listener.onSnapshot,
    onDrainRequested: listener.onDrainRequested,
    needsView: settings.until !== undefined,
    assignment: { ...defaultAssignmentOptions, ...assignment, failoverTimeMillis: settings.failoverTimeMillis },
    measurements,
  });
  const parts: ReceiverParts = {
    streamName,
    retentionMillis,
    isPlacedByKey: description.recordDistributionStrategy !== 'AUTO',
    coordinator,
    keeper,
    bound: settings.until === undefined ? undefined : boundOf(settings.until, api.serviceTimeMillis()),
    children: { table, syncer, stream, listShards, events },
    gone: { stream, listShards, describe: (inner) => openStream(api, ports, inner) },
  };
  return parts;
}

async function keeperOf({ createKeeper }: ReceiverOptions, options: LeaseKeeperOptions): Promise<Keeper> {
  return createKeeper === undefined ? new LeaseKeeper(options) : createKeeper(options);
}

async function shardsOf(
  { api, clock, random }: ReceiverOptions,
  at: InitialPosition | undefined,
  signal: AbortSignal,
): Promise<readonly Shard[]> {
  const filter = shardFilterAt(at);
  return listAllShards({ api, clock, random, signal, ...(filter === undefined ? {} : { filter }) });
}

const measuresNothing = (): Measurements => ({ metrics: {}, operatingRange: {} });
