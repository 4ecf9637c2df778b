import { linkedController } from '../base/abort.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { systemRandom } from '../base/random.ts';
import type { KinesisRecord } from '../block/record.ts';
import type { EventBus } from '../event/bus.ts';
import { Deaggregator } from '../kinesis/kpl/deaggregator.ts';
import type { Page } from '../kinesis/reader.ts';
import type { Shard } from '../kinesis/shard.ts';
import { listAllShards } from '../kinesis/shard-lister.ts';
import { logEvents } from '../monitor/log-events.ts';
import { openStream } from '../receiver/open-stream.ts';
import { type Bound, type Until, boundOf, cutAtBound } from '../receiver/until.ts';
import type { InitialPositionSetting } from './config/consumer-settings.ts';
import { defaultLogger } from './default-logger.ts';
import { createReading } from './reading.ts';
import { type FollowedShard, ShardsWork, filterOf } from './shards-work.ts';
import { type StreamOnlyOptions, openWithoutLeases } from './without-leases.ts';

/** A time as a person gives it: a moment, or how long before now by the service's clock. */
export type Moment = Date | { readonly agoMillis: number };

/** What is read without leases, and who takes it. */
export interface TailOptions extends Omit<StreamOnlyOptions, 'initialPosition' | 'until'> {
  /** Where to begin: LATEST. */
  readonly from?: 'TRIM_HORIZON' | 'LATEST' | Moment;
  /** Where each shard ends: not at all. */
  readonly until?: 'CAUGHT_UP' | 'LATEST' | Moment;
  /** The shards to read, and no children of them; default all. */
  readonly shards?: readonly string[];
  /** Takes records of one shard, in order and aggregates taken apart; nothing more is read of it before it resolves. `false` ends all. */
  readonly take: (records: readonly KinesisRecord[]) => Promise<boolean>;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Reads a stream without leases: no table is touched, no checkpoint moved. By polling it uses the read limit that all
 * consumers of a shard share; with `retrievalMode` FAN_OUT it registers a stream consumer `millrace-tail`, unless told
 * another, and deregisters it at the end. Resolves when every shard has come to `until`, `take` has ended it or the signal
 * has aborted.
 * @throws MillraceError `MR_CONFIG_UNKNOWN`, `MR_CONFIG_INVALID` for options and for a shard that does not exist, what
 * reading the stream throws, and what `take` throws
 */
export async function tailStream({ from = 'LATEST', until, shards: only, take, signal, ...given }: TailOptions) {
  const { api, clients, settings, events } = openWithoutLeases('millrace-tail', given);
  const unlog = logEvents(events, settings.logger ?? defaultLogger());
  const ports = { clock: systemClock, random: systemRandom, events };
  const reading = createReading({ clients, api, settings, ...ports });
  using life = linkedController(signal);
  try {
    const { recordDistributionStrategy, createdAtMillis } = await openStream(api, ports, life.signal);
    const now = api.serviceTimeMillis();
    const start = startOf(from, now);
    // A shard that is named is read even where it is closed, and no other is.
    const filter = only === undefined ? { filter: filterOf(start, createdAtMillis) } : {};
    const listed = await listAllShards({ api, ...ports, signal: life.signal, ...filter });
    const follower = new Follower({
      bound: until === undefined ? undefined : boundOf(untilOf(until, now), now),
      isPlacedByKey: recordDistributionStrategy !== 'AUTO',
      followsChildren: only === undefined,
      serviceTimeMillis: () => api.serviceTimeMillis(),
      clock: systemClock,
      events,
      take,
      end: () => life.abort(new MillraceError('MR_ABORTED', 'enough was read')),
    });
    const work = new ShardsWork({ reader: reading.reader, life, take: (shard, page) => follower.take(shard, page) });
    for (const shard of chosen(listed, only)) work.open(shard, start);
    await work.settled();
  } catch (thrown) {
    if (!life.signal.aborted) throw thrown;
    if (thrown !== life.signal.reason && !signal.aborted) throw thrown;
  } finally {
    life.abort(new MillraceError('MR_ABORTED', 'the reading is over'));
    await reading.end();
    clients.destroy();
    unlog();
  }
}

interface FollowerOptions {
  readonly bound: Bound | undefined;
  readonly isPlacedByKey: boolean;
  readonly followsChildren: boolean;
  readonly serviceTimeMillis: () => number;
  readonly clock: Clock;
  readonly events: EventBus;
  readonly take: TailOptions['take'];
  readonly end: () => void;
}

/** Takes the pages of all shards apart and cuts them at the bound. */
class Follower {
  readonly #options: FollowerOptions;
  readonly #deaggregators = new Map<string, Deaggregator>();
  /** The service's time when the next page of a shard was asked for. */
  readonly #askedAtMillis = new Map<string, number>();
  readonly #startedAtMillis: number;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#startedAtMillis = options.serviceTimeMillis();
  }

  async take(shard: FollowedShard, page: Page): Promise<boolean> {
    const { bound, take, end, serviceTimeMillis, followsChildren } = this.#options;
    const { shardId } = shard;
    const cut = cutAtBound(page, bound, this.#askedAtMillis.get(shardId) ?? this.#startedAtMillis);
    for (const records of this.#deaggregatorOf(shard).parts(cut.records)) {
      if (records.length > 0 && !(await take(records))) {
        end();
        return false;
      }
    }
    this.#askedAtMillis.set(shardId, serviceTimeMillis());
    // What children hold beyond the bound is cut there.
    return page.end === undefined ? !cut.reached : followsChildren;
  }

  #deaggregatorOf(shard: FollowedShard): Deaggregator {
    const { isPlacedByKey, clock, events } = this.#options;
    const { shardId } = shard;
    let deaggregator = this.#deaggregators.get(shardId);
    if (deaggregator === undefined) {
      deaggregator = new Deaggregator({ shardId, hashKeyRange: isPlacedByKey ? shard : undefined, clock, events });
      this.#deaggregators.set(shardId, deaggregator);
    }
    return deaggregator;
  }
}

function chosen(listed: readonly Shard[], only: readonly string[] | undefined): readonly Shard[] {
  if (only === undefined) return listed;
  const known = new Set(listed.map(({ shardId }) => shardId));
  const unknown = only.filter((shardId) => !known.has(shardId));
  if (unknown.length === 0) return listed.filter(({ shardId }) => only.includes(shardId));
  throw new MillraceError(
    'MR_CONFIG_INVALID',
    `shards: ${unknown.join(', ')} ${unknown.length === 1 ? 'is' : 'are'} not in the stream, which has ${[...known].join(', ')}`,
    { subject: { option: 'shards', shard: unknown[0] as string } },
  );
}

function startOf(from: NonNullable<TailOptions['from']>, now: number): InitialPositionSetting {
  return typeof from === 'string' ? { type: from } : { type: 'AT_TIMESTAMP', timestampMillis: millisOf(from, now) };
}

function untilOf(until: NonNullable<TailOptions['until']>, now: number): Until {
  return typeof until === 'string' ? { type: until } : { type: 'AT_TIMESTAMP', timestampMillis: millisOf(until, now) };
}

function millisOf(moment: Moment, now: number): number {
  return moment instanceof Date ? moment.getTime() : Math.floor(now - moment.agoMillis);
}
