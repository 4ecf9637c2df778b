import type { Random } from '../base/random.ts';
import type { EventSink } from '../event/bus.ts';
import type { GetRecordsAnswer, KinesisApi } from '../kinesis/kinesis-api.ts';
import { ServiceTime } from '../kinesis/service-time.ts';
import { awsError } from './aws-error.ts';
import type { FakeKinesis } from './fake-kinesis.ts';
import { chance, wholeBetween } from './fork-random.ts';
import type { Wire } from './wire.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Faults of what a shard answers. */
export type PageFault = 'shortPage' | 'emptyPage' | 'expiredIterator' | 'falselyGone';

/** How likely each is for one read: 0 to 1. */
export type PageOdds = Readonly<Record<PageFault, number>>;

/** A stream that answers all it has. */
export const calmPages: PageOdds = { shortPage: 0, emptyPage: 0, expiredIterator: 0, falselyGone: 0 };

/** What a {@link KinesisView} is made with. */
export interface KinesisViewOptions {
  readonly kinesis: FakeKinesis;
  readonly name: string;
  readonly process: WorkerProcess;
  readonly wire: Wire;
  readonly random: Random;
  readonly events: EventSink;
  readonly onFault?: (fault: PageFault, operation: string) => void;
}

/**
 * One worker's view of the stream: through its own wire, with its own idea of the service's time (from Date headers, cut to
 * the second), and with pages that are short or empty although there is more, as Kinesis gives them.
 */
export class KinesisView {
  readonly #options: KinesisViewOptions;
  readonly #serviceTime: ServiceTime;
  readonly #api: KinesisApi;
  odds: PageOdds = calmPages;
  /** The shards that the service refuses to read to this worker, for a reason that does not pass. */
  readonly unreadable = new Set<string>();
  /** Of which shard an iterator is that has not been used yet. */
  readonly #shardOf = new Map<string, string>();
  /** The port to give to the worker. */
  readonly port: KinesisApi;

  constructor(options: KinesisViewOptions) {
    const { kinesis, name, process, events } = options;
    this.#options = options;
    this.#serviceTime = new ServiceTime(process, events);
    const api = kinesis.connect(name);
    this.#api = api;
    this.port = {
      describeStream: (signal) => this.#call('describeStream', signal, (inner) => api.describeStream(inner)),
      listShards: (request, signal) => this.#call('listShards', signal, (inner) => api.listShards(request, inner)),
      getShardIterator: (request, signal) =>
        this.#call('getShardIterator', signal, async (inner) => {
          this.#refuse(request.shardId);
          return this.#noted(request.shardId, await api.getShardIterator(request, inner));
        }),
      getRecords: (request, signal) =>
        this.#call('getRecords', signal, async (inner) => {
          const shardId = this.#shardOf.get(request.iterator) ?? '';
          this.#refuse(shardId);
          const answer = await this.#getRecords(request.iterator, request.limit, inner);
          this.#shardOf.delete(request.iterator);
          if (answer.nextIterator !== undefined) this.#noted(shardId, answer.nextIterator);
          return answer;
        }),
      putRecords: (entries, signal) => this.#call('putRecords', signal, (inner) => api.putRecords(entries, inner)),
      serviceTimeMillis: () => this.#serviceTime.nowMillis(),
    };
  }

  async #call<T>(operation: string, signal: AbortSignal, perform: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { wire, kinesis } = this.#options;
    let answeredAtMillis: number | undefined;
    const performed = async (): Promise<T> => {
      try {
        return await perform(neverAborted);
      } finally {
        answeredAtMillis = kinesis.nowMillis();
      }
    };
    try {
      return await wire.call(operation, signal, performed);
    } finally {
      // An aborted call has no answer, although the service may have given one.
      if (answeredAtMillis !== undefined && !signal.aborted) {
        this.#serviceTime.observe(new Date(answeredAtMillis).toUTCString());
      }
    }
  }

  #noted(shardId: string, iterator: string): string {
    this.#shardOf.set(iterator, shardId);
    return iterator;
  }

  #refuse(shardId: string): void {
    if (this.unreadable.has(shardId)) throw awsError('InvalidArgumentException', 'injected: the shard cannot be read');
  }

  #getRecords(iterator: string, limit: number, signal: AbortSignal): Promise<GetRecordsAnswer> {
    const { random, onFault } = this.#options;
    const { shortPage, emptyPage, expiredIterator, falselyGone } = this.odds;
    if (chance(random, expiredIterator)) {
      onFault?.('expiredIterator', 'getRecords');
      return Promise.reject(awsError('ExpiredIteratorException', 'injected: the iterator has expired'));
    }
    if (chance(random, falselyGone)) {
      onFault?.('falselyGone', 'getRecords');
      return Promise.reject(awsError('ResourceNotFoundException', 'injected: the shard is out of sight'));
    }
    if (chance(random, emptyPage)) {
      onFault?.('emptyPage', 'getRecords');
      return Promise.resolve({ records: [], nextIterator: iterator, millisBehindLatest: 1, childShards: [] });
    }
    if (!chance(random, shortPage)) return this.#api.getRecords({ iterator, limit }, signal);
    onFault?.('shortPage', 'getRecords');
    return this.#api.getRecords({ iterator, limit: wholeBetween(random, 1, Math.min(limit, 5)) }, signal);
  }
}

const neverAborted = new AbortController().signal;
