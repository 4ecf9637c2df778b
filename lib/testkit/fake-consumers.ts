import type { Clock } from '../base/clock.ts';
import { awsError } from './aws-error.ts';

/** A registered stream consumer, as DescribeStreamConsumer tells it. */
export interface FakeConsumer {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMillis: number;
  readonly status: 'CREATING' | 'ACTIVE' | 'DELETING';
}

/** Options of {@link FakeConsumers}. */
export interface FakeConsumersOptions {
  readonly clock: Clock;
  readonly streamArn: string;
  /** The service's time, milliseconds since 1970. */
  readonly nowMillis: () => number;
  /** How long a consumer stays CREATING and DELETING; at 0 it is ACTIVE, and gone, at once. */
  readonly transitionMillis: number;
  /** Hears that a consumer goes: its subscriptions end. */
  readonly onLeaving: (consumer: FakeConsumer) => void;
}

/** Kinesis' limits of consumers of one stream, and of those in CREATING at once. */
const maxConsumers = 20;
const maxCreating = 5;

/** The stream consumers that are registered for enhanced fan-out: at most 20, of which 5 may be new at once. */
export class FakeConsumers {
  readonly #options: FakeConsumersOptions;
  readonly #consumers = new Map<string, FakeConsumer>();

  constructor(options: FakeConsumersOptions) {
    this.#options = options;
  }

  /** All of them, by name. */
  get all(): readonly FakeConsumer[] {
    return [...this.#consumers.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** RegisterStreamConsumer. */
  register(name: string): FakeConsumer {
    const { streamArn, transitionMillis, nowMillis } = this.#options;
    const known = this.#consumers.get(name);
    if (known !== undefined) {
      throw awsError('ResourceInUseException', `Consumer ${name} of ${streamArn} already exists (${known.status}).`);
    }
    const creating = this.all.filter((consumer) => consumer.status === 'CREATING').length;
    if (this.#consumers.size >= maxConsumers || creating >= maxCreating) {
      throw awsError(
        'LimitExceededException',
        `${streamArn} has ${this.#consumers.size} consumers, ${creating} of them CREATING; ${maxConsumers} and ${maxCreating} are allowed.`,
      );
    }
    const createdAtMillis = nowMillis();
    const arn = `${streamArn}/consumer/${name}:${Math.floor(createdAtMillis / 1_000)}`;
    const consumer: FakeConsumer = { name, arn, createdAtMillis, status: transitionMillis > 0 ? 'CREATING' : 'ACTIVE' };
    this.#consumers.set(name, consumer);
    this.#later(() => this.#replace(consumer, { ...consumer, status: 'ACTIVE' }));
    return consumer;
  }

  /** The consumer by its name or ARN. */
  find(key: { readonly name: string } | { readonly arn: string }): FakeConsumer {
    const found = this.all.find((one) => ('name' in key ? one.name === key.name : one.arn === key.arn));
    if (found !== undefined) return found;
    const asked = 'name' in key ? `Consumer ${key.name} of ${this.#options.streamArn}` : `Consumer ${key.arn}`;
    throw awsError('ResourceNotFoundException', `${asked} not found.`);
  }

  /** DeregisterStreamConsumer. */
  deregister(key: { readonly name: string } | { readonly arn: string }): void {
    const consumer = this.find(key);
    const leaving: FakeConsumer = { ...consumer, status: 'DELETING' };
    this.#replace(consumer, leaving);
    this.#options.onLeaving(leaving);
    this.#later(() => this.#replace(leaving, undefined));
  }

  #replace(before: FakeConsumer, after: FakeConsumer | undefined): void {
    // One that was deregistered while it was CREATING stays DELETING.
    if (this.#consumers.get(before.name) !== before) return;
    if (after === undefined) this.#consumers.delete(before.name);
    else this.#consumers.set(before.name, after);
  }

  #later(change: () => void): void {
    const { clock, transitionMillis } = this.#options;
    if (transitionMillis > 0) clock.timer(transitionMillis, change, { keepAlive: false });
    else change();
  }
}
