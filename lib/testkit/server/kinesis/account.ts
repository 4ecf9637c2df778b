import type { Clock } from '../../../base/clock.ts';
import { awsError } from '../../aws-error.ts';
import { FakeFanOut } from '../../fake-fan-out.ts';
import { FakeKinesis } from '../../fake-kinesis.ts';
import type { RequestReader } from '../request.ts';
import type { BulkStream } from './bulk-stream.ts';

/** Options of {@link KinesisAccount}. */
export interface KinesisAccountOptions {
  readonly clock: Clock;
  readonly limits: boolean;
  /** How long a stream or consumer stays CREATING, UPDATING or DELETING. */
  readonly transitionMillis: number;
  readonly subscriptionMillis: number;
  readonly heartbeatMillis: number;
  readonly listShardsPageSize: number;
  readonly maxRecordBytes: number;
}

/** A stream of the account. */
export interface HostedStream {
  readonly fake: FakeKinesis;
  readonly fanOut: FakeFanOut;
  /** The prepared records of a bulk stream, which are read in the place of the model's. */
  readonly bulk?: BulkStream;
}

/** Streams that one account may have; more means a test that creates without end. */
const maxStreams = 10_000;

/** The streams behind the server, by name. */
export class KinesisAccount {
  readonly options: KinesisAccountOptions;
  readonly #streams = new Map<string, HostedStream>();
  /** Deleted ones, so that one of the same name gives other sequence numbers and another time of creation. */
  readonly #deleted = new Map<string, FakeKinesis>();

  constructor(options: KinesisAccountOptions) {
    this.options = options;
  }

  /** Names in order. */
  get names(): readonly string[] {
    return [...this.#streams.keys()].toSorted();
  }

  /** CreateStream; with prepared records for a bulk stream. */
  create(streamName: string, shardCount: number, bulk?: BulkStream): HostedStream {
    if (this.#streams.has(streamName)) {
      throw awsError('ResourceInUseException', `Stream ${streamName} under account already exists.`);
    }
    if (this.#streams.size >= maxStreams) throw awsError('LimitExceededException', `${maxStreams} streams exist.`);
    const { clock } = this.options;
    const deleted = this.#deleted.get(streamName);
    const fake = deleted ?? new FakeKinesis({ ...this.options, streamName, shardCount });
    deleted?.recreate(shardCount);
    this.#deleted.delete(streamName);
    const fanOut = new FakeFanOut({ ...this.options, fake, clock });
    const hosted: HostedStream = { fake, fanOut, ...(bulk === undefined ? {} : { bulk }) };
    this.#streams.set(streamName, hosted);
    this.transition(hosted, 'CREATING');
    return hosted;
  }

  /** DeleteStream. */
  delete(hosted: HostedStream): void {
    const { fake, fanOut } = hosted;
    fanOut.endAll();
    this.transition(hosted, 'DELETING', () => {
      fake.delete();
      this.#deleted.set(fake.streamName, fake);
      this.#streams.delete(fake.streamName);
    });
  }

  /** Shows a status for as long as the service would, then does what follows: it is ACTIVE again unless told otherwise. */
  transition(
    { fake }: HostedStream,
    status: 'CREATING' | 'UPDATING' | 'DELETING',
    after = () => fake.setStatus('ACTIVE'),
  ): void {
    const { clock, transitionMillis } = this.options;
    fake.setStatus(status);
    if (transitionMillis > 0) clock.timer(transitionMillis, after, { keepAlive: false });
    else after();
  }

  /** The stream that a request names by name, ARN, or the ARN of a consumer. */
  streamOf(request: RequestReader): HostedStream {
    const name = streamNameOf(request);
    if (name === undefined) {
      throw awsError('InvalidArgumentException', 'Either StreamName or StreamARN must be provided.');
    }
    return this.named(name);
  }

  /** The stream by its name. */
  named(streamName: string): HostedStream {
    const found = this.#streams.get(streamName);
    if (found !== undefined) return found;
    throw awsError('ResourceNotFoundException', `Stream ${streamName} under account 000000000000 not found.`);
  }

  /** The stream that a change of shards is for: it must be ACTIVE. */
  changeableStreamOf(request: RequestReader): HostedStream {
    const hosted = this.streamOf(request);
    const { status, streamName } = hosted.fake;
    if (status !== 'ACTIVE') {
      throw awsError('ResourceInUseException', `Stream ${streamName} not ACTIVE, instead in state ${status}`);
    }
    return hosted;
  }
}

/** The name of the stream that a request is about, where it tells it. */
export function streamNameOf(request: RequestReader): string | undefined {
  const name = request.members['StreamName'];
  if (typeof name === 'string') return name;
  const arn = request.members['StreamARN'] ?? request.members['ConsumerARN'];
  return typeof arn === 'string' ? /:stream\/([^/]+)/.exec(arn)?.[1] : undefined;
}
