import PQueue from 'p-queue';
import type { Clock } from '../../base/clock.ts';
import { MillraceError } from '../../base/error.ts';
import { formatPosition } from '../../base/position.ts';
import type { Random } from '../../base/random.ts';
import type { ShardProgress } from '../../engine/commit/manifest.ts';
import { isKinesisFault } from '../../kinesis/fault.ts';
import type { KinesisApi } from '../../kinesis/kinesis-api.ts';
import { maxThrottles, patiently } from '../../kinesis/patience.ts';
import { listAllShards } from '../../kinesis/shard-lister.ts';
import type { Shard } from '../../kinesis/shard.ts';
import type { InitialPosition } from '../../lease/plan/shard-sync-plan.ts';
import { openStream, shardFilterAt } from '../../receiver/open-stream.ts';
import { beganBeforeHorizon } from '../../receiver/lost-beginning.ts';
import type { EventSink } from '../../event/bus.ts';

/** How many shards are asked at once. */
const concurrentShards = 10;
/** How many empty pages are read for one record: Kinesis gives them where it has trimmed. */
const maximumEmptyPages = 100;

/** What {@link KeptRecords} asks with. */
export interface KeptRecordsOptions {
  readonly api: KinesisApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventSink;
}

/** The stream as it is now. */
interface StreamNow {
  readonly createdAtMillis: number;
  /** What was put since this service time is there. */
  readonly horizonMillis: number;
  /** Lists the shards of a place; each listing is made once. */
  readonly list: (at: InitialPosition | undefined) => Promise<readonly Shard[]>;
}

/** A place that a shard would go back to, whose records may be gone. */
type Asked = { readonly place: ShardProgress; readonly keptSinceMillis: number | undefined };

/** Whether a stream still has what follows a place that a shard is to go back to. */
export class KeptRecords {
  readonly #options: KeptRecordsOptions;

  constructor(options: KeptRecordsOptions) {
    this.#options = options;
  }

  /**
   * For each shard a service time before which nothing was put that follows its place: what a lease row carries as
   * `caughtUpAtMillis`, so that a program which begins too late finds out. Costs two calls a shard.
   * @throws MillraceError `MR_POSITION_TRIMMED` naming every place of which the stream may have lost records; what Kinesis refuses
   */
  async since(places: readonly ShardProgress[], signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    if (places.length === 0) return new Map();
    const { api } = this.#options;
    const { retentionPeriodHours, createdAtMillis } = await openStream(api, this.#options, signal);
    const horizonMillis = api.serviceTimeMillis() - retentionPeriodHours * 3_600_000;
    const stream = { createdAtMillis, horizonMillis, list: this.#lister(signal) };
    const queue = new PQueue({ concurrency: concurrentShards });
    const asked = await Promise.all(
      places.map((place) =>
        queue.add(async (): Promise<Asked> => ({ place, keptSinceMillis: await this.#since(place, stream, signal) })),
      ),
    );
    const lost = asked.filter(({ keptSinceMillis }) => keptSinceMillis === undefined).map(({ place }) => place);
    if (lost.length > 0) throw trimmed(lost, retentionPeriodHours);
    return new Map(asked.map(({ place, keptSinceMillis }) => [place.shardId, Math.floor(keptSinceMillis ?? 0)]));
  }

  async #since(place: ShardProgress, stream: StreamNow, signal: AbortSignal): Promise<number | undefined> {
    const { position, shardId, initialTimestampMillis } = place;
    if (position.kind === 'SEQUENCE') return this.#arrivalOf(shardId, position.sequenceNumber.toString(), signal);
    // Before it was made nothing was put, whatever time was named.
    const fromMillis = Math.max(initialTimestampMillis ?? 0, stream.createdAtMillis);
    if (fromMillis >= stream.horizonMillis) return fromMillis;
    return (await hasBeginning(shardId, stream, signal)) ? fromMillis : undefined;
  }

  /** When a record arrived; `undefined` when it is not there any more: what follows it may be gone, too. */
  async #arrivalOf(shardId: string, sequenceNumber: string, signal: AbortSignal): Promise<number | undefined> {
    const { api, clock, random } = this.#options;
    const patience = { clock, random, signal, maxThrottles };
    try {
      const start = { type: 'AT_SEQUENCE_NUMBER', sequenceNumber } as const;
      let iterator: string | undefined = await patiently(
        () => api.getShardIterator({ shardId, start }, signal),
        patience,
      );
      for (let pages = 0; iterator !== undefined && pages < maximumEmptyPages; pages += 1) {
        const from: string = iterator;
        const page = await patiently(() => api.getRecords({ iterator: from, limit: 1, shardId }, signal), patience);
        const [first] = page.records;
        if (first !== undefined) return first.sequenceNumber === sequenceNumber ? first.arrivalTimeMillis : undefined;
        if (page.millisBehindLatest === 0) return undefined;
        iterator = page.nextIterator;
      }
      return undefined;
    } catch (thrown) {
      // Kinesis may refuse a number that it has no more, and knows nothing of a shard whose records are all gone.
      if (isKinesisFault(thrown, 'invalid', 'shardGone')) return undefined;
      throw thrown;
    }
  }

  #lister(signal: AbortSignal): StreamNow['list'] {
    const made = new Map<string | undefined, Promise<readonly Shard[]>>();
    return (at) => {
      const filter = shardFilterAt(at);
      const listing =
        made.get(at?.type) ?? listAllShards({ ...this.#options, signal, ...(filter === undefined ? {} : { filter }) });
      made.set(at?.type, listing);
      return listing;
    };
  }
}

/** Whether the first records of a shard are still there. */
async function hasBeginning(shardId: string, { list }: StreamNow, signal: AbortSignal): Promise<boolean> {
  const shard = (await list(undefined)).find((one) => one.shardId === shardId);
  if (shard === undefined) return false;
  return !(await beganBeforeHorizon({ leaseKey: shardId, parentShardIds: shard.parentShardIds }, list, signal));
}

function trimmed(lost: readonly ShardProgress[], retentionPeriodHours: number): MillraceError {
  const [first] = lost;
  const named = lost.slice(0, 10).map(({ shardId, position }) => `${formatPosition(position)} in shard ${shardId}`);
  const more = lost.length > named.length ? ` and ${lost.length - named.length} more` : '';
  return new MillraceError(
    'MR_POSITION_TRIMMED',
    `what follows ${named.join(', ')}${more} cannot all be read again: the stream keeps records for ${retentionPeriodHours} h, and has trimmed there. Nothing was written; go back to a later version, or force it (force, --force) and give the program onTrimmedPosition: 'TRIM_HORIZON', which leaves out what is gone`,
    { subject: first === undefined ? {} : { shard: first.shardId } },
  );
}
