import { AsyncLocalStorage } from 'node:async_hooks';
import { systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { isInitialSentinel } from '../base/position.ts';
import { systemRandom } from '../base/random.ts';
import type { ShardProgress } from '../engine/commit/manifest.ts';
import type { Plan } from '../engine/plan.ts';
import { identityOf } from '../engine/store/store-identity.ts';
import type { StateStore } from '../engine/state-store.ts';
import type { EventSink } from '../event/bus.ts';
import { clientsOf } from './assembly.ts';
import type { ConsumerSettings } from './config/consumer-settings.ts';
import { checkStart } from './state/state-check.ts';
import { type GroupView, type StateFault, lastOf, viewGroup } from './state/group-view.ts';
import { type StateWork, moveGroup, positionsOf } from './state/move-group.ts';
import { openStateTables } from './state/open-tables.ts';
import { isMoved, readStateRows } from './state/state-rows.ts';

/** What `getOrCreate` is told. */
export interface GetOrCreateOptions {
  /** The application whose state is looked for; contexts that are made meanwhile have it, unless they say another one. */
  readonly applicationName: string;
  /** Where it keeps its state; contexts that are made meanwhile have it, too. */
  readonly state: StateStore;
  /**
   * What becomes of state that is there and cannot be read. `false` (default): the call rejects with what is wrong. `true`:
   * the groups that are damaged begin with none, at the positions that were committed, and each is told by the event
   * `state.discarded`.
   */
  readonly createOnError?: boolean;
}

/** From what a program goes on. */
export interface Recovered {
  readonly scope: 'shard' | 'application';
  /** Commit groups with state that counts: one a shard in `shard` scope, else one. */
  readonly groups: number;
  /** The greatest batch id and batch time that were committed. */
  readonly batchId: number;
  readonly batchTimeMillis: number;
}

/** What contexts have that are made inside `getOrCreate`, where they do not say it themselves. */
export type AmbientOptions = Pick<GetOrCreateOptions, 'applicationName' | 'state'>;

const ambient = new AsyncLocalStorage<AmbientOptions>();

/** What is to be filled in for a context that is made now. */
export function ambientOptions(): Partial<AmbientOptions> {
  return ambient.getStore() ?? {};
}

/** Calls the function that makes a context. */
export function makeWith<T>({ applicationName, state }: AmbientOptions, create: () => T): T {
  return ambient.run({ applicationName, state }, create);
}

/** What a recovery looks at. */
export interface RecoveryOptions extends GetOrCreateOptions {
  readonly plan: Plan;
  readonly inputs: readonly ConsumerSettings[];
  readonly events: EventSink;
}

/**
 * Looks whether a program has committed state, and whether it can be read: all of it in `application` scope; in `shard` scope
 * each worker reads that of the shards that it gets, so that here only `createOnError` has a look at it.
 * @throws MillraceError `MR_SCOPE_CHANGED`, `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`, `MR_STATE_NEWER`, `MR_STATE_FOREIGN`
 */
export async function findRecovery(options: RecoveryOptions, signal: AbortSignal): Promise<Recovered | undefined> {
  const { plan, inputs, state } = options;
  if (!state.isDurable) return undefined;
  const groups: GroupView[] = [];
  for (const [index, settings] of inputs.entries()) {
    // The row of the application is the same for all its streams.
    if (index > 0 && plan.scope === 'application') break;
    groups.push(...(await lookAt(settings, options, signal)));
  }
  if (groups.length === 0) return undefined;
  const lasts = groups.map((view) => lastOf(view)?.manifest);
  return {
    scope: plan.scope,
    groups: groups.length,
    batchId: Math.max(...groups.map(({ pointer }) => pointer?.batchId ?? 0)),
    batchTimeMillis: Math.max(
      ...lasts.map((manifest) => manifest?.batchTimeMillis ?? 0),
      ...groups.map(({ pointer }) => pointer?.batchTimeMillis ?? 0),
    ),
  };
}

/** The groups of one stream whose state counts. */
async function lookAt(
  settings: ConsumerSettings,
  options: RecoveryOptions,
  signal: AbortSignal,
): Promise<readonly GroupView[]> {
  const { plan, state: store, createOnError = false, events } = options;
  const { applicationName, streamName } = settings;
  const clients = clientsOf(settings);
  const [random, tables] = [systemRandom, openStateTables(clients, settings, systemClock)];
  const { scope, scopeReason } = plan;
  try {
    const start = { tables, store, applicationName, scope, scopeReason, random, claims: false };
    await checkStart({ ...start, isLenient: createOnError }, signal);
    const rows = (await readStateRows(tables, applicationName, signal)).filter(
      (row) => row.scope === scope && !isMoved(row),
    );
    const storeIdentity = await identityOf(store, random, signal);
    const place = { store, storeIdentity, application: applicationName, random };
    const whole: GroupView[] = [];
    for (const row of rows) {
      const view = await viewGroup(row, place, signal, scope === 'application' || createOnError);
      if (view.fault === undefined) whole.push(view);
      else if (createOnError && view.fault.reaction === 'fatal')
        await discardGroup({ tables, place, streamName }, view, events, signal);
      else if (scope === 'application' || createOnError) throw faultOf(view, view.fault);
      else whole.push(view);
    }
    return whole;
  } finally {
    clients.destroy();
  }
}

function faultOf({ group }: GroupView, { code, message, reaction }: StateFault): MillraceError {
  return new MillraceError(code, `${group}: ${message.replace(/^MR_[A-Z_]+: /, '')}`, { reaction });
}

async function discardGroup(work: StateWork, view: GroupView, events: EventSink, signal: AbortSignal): Promise<void> {
  const { code = 'MR_STATE_DAMAGED', message = '' } = view.fault ?? {};
  const shards = await positionsLeft(work, view, signal);
  await moveGroup(work, view, () => ({ shards, state: undefined }), signal);
  events.publish({ type: 'state.discarded', group: view.group, code, message });
}

/** Where the version that says it cannot be read, the rows of the leases know at most too little. */
async function positionsLeft(
  { tables, streamName }: StateWork,
  view: GroupView,
  signal: AbortSignal,
): Promise<readonly ShardProgress[]> {
  if (view.row.scope === 'shard') return positionsOf(view);
  const known = new Map(positionsOf(view).map((shard) => [`${shard.streamName}:${shard.shardId}`, shard]));
  for (const { leaseKey: shardId, checkpoint: position } of await tables.leases(signal)) {
    if (!isInitialSentinel(position)) known.set(`${streamName}:${shardId}`, { shardId, streamName, position });
  }
  return [...known.values()];
}
