import PQueue from 'p-queue';
import { stayingController } from '../base/abort.ts';
import { systemClock } from '../base/clock.ts';
import { MillraceError, isMillraceError } from '../base/error.ts';
import { formatPosition, positionOf } from '../base/position.ts';
import { systemRandom } from '../base/random.ts';
import { EventBus } from '../event/bus.ts';
import { createAwsKinesis } from '../kinesis/aws-kinesis.ts';
import type { KinesisApi } from '../kinesis/kinesis-api.ts';
import { maxThrottles, patiently } from '../kinesis/patience.ts';
import type { Shard } from '../kinesis/shard.ts';
import { listAllShards } from '../kinesis/shard-lister.ts';
import { type DrainedWorker, drainWorker } from '../lease/drain-request.ts';
import { type Lease, isEnded } from '../lease/lease.ts';
import type { LeaseTable } from '../lease/lease-table.ts';
import { type KeptTimeInput, keptTime } from '../lease/plan/kept-time.ts';
import type { SeekTarget } from '../lease/plan/seek-plan.ts';
import type { SeekMove } from '../lease/seeker.ts';
import { checkStream } from '../lease/stream-check.ts';
import { openStream } from '../receiver/open-stream.ts';
import { startPositionOf } from '../receiver/start-position.ts';
import { clientsOf, settingsOfProgram } from './assembly.ts';
import type { Clients } from './clients.ts';
import type { ConsumerOptions } from './config/consumer-options.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { createLeaseTable } from './lease-table.ts';
import { type StateStore, stateAt } from '../engine/state-store.ts';
import { KeptRecords } from './state/kept-records.ts';
import { openStateTables } from './state/open-tables.ts';
import { type SeekState, seekWithState } from './state/seek-state.ts';
import type { StateAdminOptions } from './state/open-state.ts';
import { type StateAdmin, createStateAdmin } from './state/state-admin.ts';

export type { DrainedWorker } from '../lease/drain-request.ts';
export type { SeekMove } from '../lease/seeker.ts';
export type { RewindTarget } from './state/rewind-plan.ts';
export type { StateMove } from './state/move-group.ts';
export type { SeekState } from './state/seek-state.ts';
export type { StateGroupView, StateView } from './state/state-admin.ts';

/** Where a seek goes. */
export interface SeekRequest {
  /**
   * The oldest record, what comes from now on, what arrived at a time and later, or what follows one record of a shard. A
   * record inside an aggregate is named by its `subSequenceNumber` too, which is 0 otherwise.
   */
  readonly to:
    | 'TRIM_HORIZON'
    | 'LATEST'
    | Date
    | { readonly afterSequenceNumber: string; readonly subSequenceNumber?: number };
  /** The shards to move; default all. Exactly one for a sequence number. */
  readonly shards?: readonly string[];
  /**
   * What becomes of the state of a streaming program, in the same write as its position; needed where it has committed any.
   * To go back with the state, use `state.rewind`.
   */
  readonly state?: SeekState;
  /** Only says what would be done; default false. */
  readonly dryRun?: boolean;
}

/** What else an administrator is told. */
export interface AdminOptions {
  /**
   * Where the program keeps its state: the store, or its location as a text (`file:/var/lib/counts`, `s3://bucket/prefix`).
   * Default: where its last commit says.
   */
  readonly state?: StateStore | string;
}

/** One lease as an operator wants to see it. */
export interface LeaseView {
  readonly shardId: string;
  /** A name, or the sequence number through which the shard is finished. */
  readonly checkpoint: string;
  /** Absent where nobody reads the shard. */
  readonly leaseOwner?: string;
  /** The worker that gets the lease once its owner has finished; only during a handoff. */
  readonly handoffTo?: string;
  readonly leaseCounter: number;
  /** Whether the shard was read to its end. */
  readonly isEnded: boolean;
  /** Whether an engine's state goes with the checkpoint. */
  readonly hasState: boolean;
}

/** How far the checkpoint of a shard is behind its newest record, as Kinesis counts it. */
export interface ShardLag {
  readonly shardId: string;
  readonly millisBehindLatest: number;
}

/** Looks at the leases of an application and moves them, from outside of its workers. */
export interface Admin extends AsyncDisposable {
  /** The leases of now, in order of shard. */
  leases(): Promise<readonly LeaseView[]>;
  /** How far each shard's checkpoint is behind; asks Kinesis once a shard that is not ended, which counts against its reads. */
  lag(): Promise<readonly ShardLag[]>;
  /**
   * Moves the application to another place, while its workers run or not. Owners lose their leases at once and begin new
   * tenures there; what they had not finished is not. Answers with what was done to each shard, parents before children.
   * @throws MillraceError `MR_SEEK_STATE` where an engine has committed state and `state` does not say what becomes of it;
   * `MR_CONFIG_INVALID` for a place or a shard that does not exist; `MR_STREAM_NOT_FOUND`, `MR_STREAM_CHANGED`, `MR_TABLE_FOREIGN`
   */
  seek(request: SeekRequest): Promise<readonly SeekMove[]>;
  /** What a streaming program has committed: looks at it, goes back in it, brings it elsewhere. */
  readonly state: StateAdmin;
  /**
   * Drains a running worker as SIGTERM would: it finishes what it has read, checkpoints, gives its leases back and ends its
   * run. Resolves when it holds none any more. The worker sees the request with its next report, within 5 s; its drain may
   * take the `shutdownGraceMillis` of these options. A context with several receivers drains as a whole.
   * @throws MillraceError `MR_CONFIG_INVALID` for a worker that does not take part, naming those that do;
   * `MR_FOREIGN_WORKER` for a Java worker; `MR_DRAIN_TIMEOUT` where it does not answer, or does not finish in time
   */
  drain(workerIdentifier: string): Promise<DrainedWorker>;
}

/**
 * Makes an administrator of an application. It takes the options of its consumers, so that both mean the same application,
 * and sends nothing before it is asked.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault, and for a location that is none
 */
export function createAdmin(options: ConsumerOptions, { state }: AdminOptions = {}): Admin {
  return new ApplicationAdmin(settingsOfProgram(options), typeof state === 'string' ? stateAt(state) : state);
}

/** How many shards are asked at once for their lag. */
const concurrentShards = 10;

class ApplicationAdmin implements Admin {
  readonly #settings: ConsumerSettings;
  readonly #clients: Clients;
  readonly #table: LeaseTable;
  readonly #api: KinesisApi;
  readonly #ports = { clock: systemClock, random: systemRandom, events: new EventBus() };
  readonly #life = stayingController();
  readonly #stateOptions: StateAdminOptions;
  readonly state: StateAdmin;

  constructor(settings: ConsumerSettings, store: StateStore | undefined) {
    this.#settings = settings;
    const { streamName, streamArn, codec } = settings;
    this.#clients = clientsOf(settings);
    this.#table = createLeaseTable(this.#clients, settings, systemClock);
    const stream = streamArn === undefined ? { streamName } : { streamArn };
    this.#api = createAwsKinesis({ client: this.#clients.kinesis, stream, ...this.#ports, codec });
    const { applicationName } = settings;
    this.#stateOptions = {
      tables: openStateTables(this.#clients, settings, systemClock),
      applicationName,
      streamName,
      store,
      kept: new KeptRecords({ api: this.#api, ...this.#ports }),
      random: systemRandom,
      signal: this.#life.signal,
    };
    this.state = createStateAdmin(this.#stateOptions);
  }

  async leases(): Promise<readonly LeaseView[]> {
    const { leases } = await this.#ofTable((signal) => this.#table.scan(signal));
    return leases.map(viewOf).sort((a, b) => (a.shardId < b.shardId ? -1 : 1));
  }

  async lag(): Promise<readonly ShardLag[]> {
    const { leases } = await this.#ofTable((signal) => this.#table.scan(signal));
    checkStream(leases, (await this.#stream()).stream);
    const queue = new PQueue({ concurrency: concurrentShards });
    const read = leases.filter((lease) => !isEnded(lease)).map((lease) => queue.add(() => this.#lagOf(lease)));
    return (await Promise.all(read)).sort((a, b) => (a.shardId < b.shardId ? -1 : 1));
  }

  async #lagOf(lease: Lease): Promise<ShardLag> {
    const { signal } = this.#life;
    const { clock, random } = this.#ports;
    const patience = { clock, random, signal, maxThrottles };
    const shardId = lease.leaseKey;
    // A row of Java's at a sentinel has no time yet; it has read nothing, as from the oldest record.
    const isOpenable = lease.checkpoint.kind === 'SEQUENCE' || lease.initialTimestampMillis !== undefined;
    const start = isOpenable ? startPositionOf(lease) : ({ type: 'TRIM_HORIZON' } as const);
    // The workers read the same shards, up to the limit that all of them share.
    const iterator = await patiently(() => this.#api.getShardIterator({ shardId, start }, signal), patience);
    const read = () => this.#api.getRecords({ iterator, limit: 1, shardId }, signal);
    const { millisBehindLatest } = await patiently(read, patience);
    return { shardId, millisBehindLatest };
  }

  async seek({ to, shards: only, state, dryRun = false }: SeekRequest): Promise<readonly SeekMove[]> {
    const { signal } = this.#life;
    const { stream, retentionMillis } = await this.#stream();
    const serviceTimeMillis = this.#api.serviceTimeMillis();
    const target = targetOf(to, only, { ...stream, retentionMillis, serviceTimeMillis });
    const { clock, random } = this.#ports;
    const shards = await listAllShards({ api: this.#api, clock, random, signal });
    await this.#checkPlace(target, only, shards);
    const seek = { table: this.#table, stream, shards, target, dryRun, ...(only === undefined ? {} : { only }) };
    return this.#ofTable((ending) => seekWithState({ ...this.#stateOptions, seek, state }, ending));
  }

  /** A sequence number that is not of the shard would stop the reading of the shard for good: Kinesis is asked before. */
  async #checkPlace(target: SeekTarget, only: readonly string[] | undefined, shards: readonly Shard[]): Promise<void> {
    const shardId = only?.[0];
    if (target.type !== 'AFTER_SEQUENCE_NUMBER' || !shards.some((shard) => shard.shardId === shardId)) return;
    const sequenceNumber = String(target.position.sequenceNumber);
    const start = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber } as const;
    const { clock, random } = this.#ports;
    const patience = { clock, random, signal: this.#life.signal, maxThrottles };
    await patiently(() => this.#api.getShardIterator({ shardId: shardId ?? '', start }, this.#life.signal), patience);
  }

  async drain(workerIdentifier: string): Promise<DrainedWorker> {
    const { shutdownGraceMillis, failoverTimeMillis } = this.#settings;
    // After its grace a worker aborts, and release may take F more.
    const drainMillis = shutdownGraceMillis + 2 * failoverTimeMillis;
    const options = { table: this.#table, workerIdentifier, drainMillis, ...this.#ports };
    return this.#ofTable((signal) => drainWorker(options, signal));
  }

  /** For a worker a table that is not there was deleted; for whoever looks on it may never have been made. */
  async #ofTable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await work(this.#life.signal);
    } catch (thrown) {
      if (!isMillraceError(thrown, 'MR_TABLE_FOREIGN') || !isMissing(thrown.cause)) throw thrown;
      const { tableName, applicationName } = this.#settings;
      throw new MillraceError(
        'MR_TABLE_FOREIGN',
        `the lease table ${tableName} does not exist: no worker of ${applicationName} has run in this account and region; ` +
          'see to applicationName, tableName and region',
        { subject: { table: tableName }, cause: thrown },
      );
    }
  }

  async #stream() {
    const { streamArn, createdAtMillis, retentionPeriodHours } = await openStream(
      this.#api,
      this.#ports,
      this.#life.signal,
    );
    const retentionMillis = retentionPeriodHours * 3_600_000;
    return { stream: { streamArn, streamCreatedAtMillis: createdAtMillis }, retentionMillis };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life.abort(new MillraceError('MR_ABORTED', 'the administrator was disposed of'));
    this.#clients.destroy();
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'ResourceNotFoundException';
}

function viewOf(lease: Lease): LeaseView {
  const { leaseKey, leaseOwner, checkpointOwner, leaseCounter, checkpoint, engineState } = lease;
  const reader = checkpointOwner ?? leaseOwner;
  return {
    shardId: leaseKey,
    checkpoint: formatPosition(checkpoint),
    ...(reader === undefined ? {} : { leaseOwner: reader }),
    ...(checkpointOwner === undefined || leaseOwner === undefined ? {} : { handoffTo: leaseOwner }),
    leaseCounter,
    isEnded: isEnded(lease),
    hasState: engineState !== undefined,
  };
}

function targetOf(to: SeekRequest['to'], shards: readonly string[] | undefined, stream: KeptTimeInput): SeekTarget {
  const { serviceTimeMillis } = stream;
  if (to === 'TRIM_HORIZON') return { type: 'TRIM_HORIZON' };
  if (to === 'LATEST') return { type: 'LATEST', timestampMillis: Math.floor(serviceTimeMillis) };
  if (to instanceof Date) {
    const timestampMillis = to.getTime();
    if (!Number.isFinite(timestampMillis)) throw noPlace('to is an invalid Date: give one that is a time');
    if (timestampMillis > serviceTimeMillis) {
      throw noPlace(`to is ${to.toISOString()}, which has not come yet: give a time of the past, or LATEST`);
    }
    return { type: 'AT_TIMESTAMP', timestampMillis, ...keptTime(timestampMillis, stream) };
  }
  const { afterSequenceNumber, subSequenceNumber = 0 } = typeof to === 'object' && to !== null ? to : {};
  if (typeof afterSequenceNumber !== 'string' || !/^\d{1,128}$/.test(afterSequenceNumber)) {
    throw noPlace(
      `to is ${String(JSON.stringify(to))}: give TRIM_HORIZON, LATEST, a Date or { afterSequenceNumber }, a text of digits`,
    );
  }
  if (!Number.isSafeInteger(subSequenceNumber) || subSequenceNumber < 0) {
    throw noPlace(`to.subSequenceNumber is ${subSequenceNumber}: give a whole number from 0`);
  }
  if (shards?.length !== 1) {
    throw noPlace('to is a sequence number, which is of one shard: name that shard alone in shards');
  }
  const position = positionOf(afterSequenceNumber, subSequenceNumber);
  return { type: 'AFTER_SEQUENCE_NUMBER', position: position as typeof position & { kind: 'SEQUENCE' } };
}

function noPlace(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'to' } });
}
