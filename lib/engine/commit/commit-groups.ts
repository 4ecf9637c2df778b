import { MillraceError } from '../../base/error.ts';
import type { BlockSource, CommitOutcome } from '../../block/block-source.ts';
import type { ShardOpening } from '../../block/shard-opening.ts';
import type { EventSink } from '../../event/bus.ts';
import { CommitLine, type PointerWrite } from './commit-line.ts';
import { KeyPlacement, type OnKeyNotPlaced } from './key-placement.ts';
import type { CommitPlace } from './commit-place.ts';
import type { Epoch } from './epoch-keeper.ts';
import { EndedShards, type EndedShardsOptions, type ReadHeirRows } from './ended-shards.ts';
import { uniteEnded } from './ended-plan.ts';
import type { GroupLog } from './group-log.ts';
import type { ShardProgress } from './manifest.ts';
import type { ConfirmEnded } from './pruning.ts';

/** What an engine commits with. */
export interface EngineCommits {
  readonly place: CommitPlace;
  /** Held by the caller for as long as the engine runs; what a plan of `application` scope commits under. */
  readonly epoch?: Epoch;
  /** See {@link ConfirmEnded}; for plans of `application` scope. */
  readonly confirmEnded?: ConfirmEnded;
  /** For plans of `shard` scope; without it what ended shards have left stays in the store. */
  readonly heirRows?: ReadHeirRows;
  /** For plans of `application` scope, before their first commit: shards that are past their beginning already. */
  readonly leased?: readonly ShardProgress[];
  /** For plans whose keys are placed by shard: `FAIL` unless told otherwise. */
  readonly onKeyNotPlaced?: OnKeyNotPlaced;
}

/** What {@link CommitGroups} needs. */
export interface CommitGroupsOptions extends EngineCommits {
  readonly events: EventSink;
  /** From which time the windows of a group are counted that has committed nothing yet. */
  readonly zeroTimeMillis: () => number;
  /** Whether the plan has state by partition key, in `shard` scope. */
  readonly isPlacedByKey: boolean;
}

/** Begins the holdings of an engine's commit groups, each from its last committed version. */
export class CommitGroups {
  readonly #options: CommitGroupsOptions;

  constructor(options: CommitGroupsOptions) {
    this.#options = options;
  }

  /** The holding of one shard's group, for its tenure; the fence is the lease. */
  async ofShard(
    group: string,
    shard: ShardOpening,
    source: Pick<BlockSource, 'commit'>,
    signal: AbortSignal,
  ): Promise<CommitLine> {
    const { place } = this.#options;
    const { shardId, state } = shard;
    const prefix = group.slice(0, group.length - shardId.length);
    const groupOf = (other: string) => prefix + other;
    const log =
      state === undefined
        ? await place.inheritedLog(groupOf, shard, signal)
        : await place.logOf(group, state, `lease ${shardId}`, signal);
    if (log.last?.beginsAnew === true) log.adopt(await place.inheritedLog(groupOf, shard, signal, log.times));
    return this.#line(group, {
      log,
      fence: { kind: 'tenure', number: shard.tenure },
      write: (commit) => commitShard(source, commit),
      ended: this.#endedBefore(shard, { group, groupOf, log }),
    });
  }

  /** What is left by the parents of a shard, and by those before them: a new holder does not know what the last one did. */
  #endedBefore(
    { streamName, parentShardIds: parents, inherited }: ShardOpening,
    { group, groupOf, log }: Pick<EndedShardsOptions, 'group' | 'groupOf'> & { readonly log: GroupLog },
  ): EndedShards | undefined {
    const { place, events, heirRows: rows } = this.#options;
    if (rows === undefined || parents.length === 0) return undefined;
    const named = inherited.flatMap(({ shardId, hashKeyRange }) =>
      parents.includes(shardId) && hashKeyRange !== undefined ? [{ shardId, hashKeyRange }] : [],
    );
    const ended = uniteEnded(named, log.origin?.ended ?? []);
    const { application, store } = place;
    return new EndedShards({ store, application, group, streamName, ended, parents, groupOf, rows, events });
  }

  /** The one holding of all shards; the fence is the epoch. */
  async ofApplication(group: string, signal: AbortSignal): Promise<CommitLine> {
    const { place, epoch } = this.#options;
    if (epoch === undefined) {
      throw new MillraceError('MR_INTERNAL', 'a plan of application scope commits under an epoch, and none was given');
    }
    const log = await place.logOf(group, epoch.pointer, `the row of application ${place.application}`, signal);
    return this.#line(group, {
      log,
      fence: { kind: 'epoch', number: epoch.number },
      write: (next, inner) => (next.kind === 'plan' ? epoch.plan(next.pointer, inner) : epoch.commit(next, inner)),
      isHeld: () => epoch.isHeld(),
    });
  }

  #line(
    group: string,
    parts: Pick<ConstructorParameters<typeof CommitLine>[0], 'log' | 'fence' | 'write' | 'isHeld' | 'ended'>,
  ): CommitLine {
    const { events, zeroTimeMillis, place, confirmEnded, leased, onKeyNotPlaced = 'FAIL' } = this.#options;
    const { application } = place;
    const isPlaced = this.#options.isPlacedByKey && onKeyNotPlaced !== 'OFF';
    return new CommitLine({
      ...parts,
      application,
      group,
      events,
      zeroTimeMillis: zeroTimeMillis(),
      confirmEnded: parts.fence.kind === 'epoch' ? confirmEnded : undefined,
      leased: parts.fence.kind === 'epoch' ? leased : undefined,
      placement: isPlaced ? new KeyPlacement(onKeyNotPlaced, events) : undefined,
    });
  }
}

/** Checkpoint, pointer and heartbeat are one conditional write of the lease row; with a plan the checkpoint stays. */
async function commitShard(
  source: Pick<BlockSource, 'commit'>,
  { ranges, pointer }: PointerWrite,
): Promise<CommitOutcome> {
  const [range] = ranges;
  if (range === undefined) throw new MillraceError('MR_INTERNAL', 'a batch of no shard was to be committed');
  return source.commit(range, { state: pointer });
}
