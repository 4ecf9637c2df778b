import { systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import { type Random, seededRandom } from '../base/random.ts';
import type { FakeKinesis } from './fake-kinesis.ts';
import { type LocalFakeAws, startFakeAws } from './server/start.ts';

/** What a local stack has. */
export interface DevStackOptions {
  readonly streamName: string;
  readonly shards: number;
  /** Records that are there from the beginning. */
  readonly records: number;
  /** Records that come every second from then on; 0 for none. */
  readonly recordsPerSecond: number;
  /** Draws the records: the same seed gives the same ones. */
  readonly seed: number;
  /** TCP port on 127.0.0.1; 0 for a free one. */
  readonly port: number;
  /** Ends the records and the services when it aborts. */
  readonly signal: AbortSignal;
}

/** A local stack that serves. */
export interface DevStack {
  /** Of Kinesis and of DynamoDB: `http://127.0.0.1:4567`. */
  readonly endpoint: string;
  /** Records put so far. */
  readonly put: () => number;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

/** How often records come. */
const putIntervalMillis = 100;

/**
 * Starts Kinesis and DynamoDB on this machine, in this process, with a stream into which orders are put that a seed draws.
 * Everything is in memory and gone at the end.
 * @throws MillraceError `MR_CONFIG_INVALID` for a port that is in use
 */
export async function startDevStack(options: DevStackOptions): Promise<DevStack> {
  const { streamName, shards, records, port, signal } = options;
  const aws = await startOn(port);
  const orders = new Orders(aws.createStream(streamName, shards), seededRandom(options.seed));
  orders.put(records);
  const flow = new Flow(orders, options.recordsPerSecond);
  flow.start();
  const ended = new Promise<void>((resolve, reject) => {
    const end = () => {
      flow.stop();
      aws.stop().then(resolve, reject);
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
  return { endpoint: aws.endpoint, put: () => orders.count, ended };
}

async function startOn(port: number): Promise<LocalFakeAws> {
  try {
    return await startFakeAws({ port });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw thrown;
    const why = code === 'EADDRINUSE' ? 'is in use' : 'may not be opened by this user';
    throw new MillraceError('MR_CONFIG_INVALID', `port ${port} ${why}: give another one, or 0 for a free one`, {
      subject: { option: 'port' },
      cause: thrown,
    });
  }
}

/** Orders as a shop would have them: a few customers, of which some order more often. */
class Orders {
  readonly #stream: FakeKinesis;
  readonly #random: Random;
  count = 0;

  constructor(stream: FakeKinesis, random: Random) {
    this.#stream = stream;
    this.#random = random;
  }

  put(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.count += 1;
      const customer = `customer-${Math.floor(this.#random.next() ** 2 * 100)}`;
      const cents = 100 + Math.floor(this.#random.next() * 10_000);
      this.#stream.put(customer, JSON.stringify({ order: this.count, customer, cents }));
    }
  }
}

/** Puts records at an even rate; what a late timer has missed comes with the next one. */
class Flow {
  readonly #orders: Orders;
  readonly #perSecond: number;
  #startMillis = 0;
  #done = 0;
  #cancel = () => {};

  constructor(orders: Orders, perSecond: number) {
    this.#orders = orders;
    this.#perSecond = perSecond;
  }

  start(): void {
    if (this.#perSecond === 0) return;
    this.#startMillis = systemClock.monotonicMillis();
    this.#wait();
  }

  stop(): void {
    this.#cancel();
  }

  #wait(): void {
    this.#cancel = systemClock.timer(putIntervalMillis, () => {
      const seconds = (systemClock.monotonicMillis() - this.#startMillis) / 1_000;
      const due = Math.floor(seconds * this.#perSecond) - this.#done;
      this.#orders.put(due);
      this.#done += due;
      this.#wait();
    });
  }
}
