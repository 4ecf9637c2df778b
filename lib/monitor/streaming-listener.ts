import type { EventListener } from '../event/bus.ts';
import type { EventOf, MillraceEvent } from '../event/event.ts';
import { batchInfoOf, outputInfoOf } from './batch-info.ts';
import { type StreamingListener, receiverInfoOf } from './listener.ts';
import { ListenerQueue } from './listener-queue.ts';
import { keyOf } from './snapshot/batch-list.ts';
import { SnapshotFold, noOrigin } from './snapshot/fold.ts';
import type { Origin } from './snapshot/origin.ts';
import type { BatchView } from './snapshot/snapshot.ts';

/** What a listener is told with. */
export interface ToldOptions {
  /** Milliseconds since 1970. */
  readonly wallMillis: () => number;
  readonly location: string;
  /** Which receiver is publishing now. */
  readonly origin?: () => Origin;
}

/** Something that events can be heard from. */
interface EventSource {
  subscribe(listener: EventListener): () => void;
}

/** Has a listener hear what is published; returns what ends it, after which nothing more is delivered. */
export function tellListener(bus: EventSource, listener: StreamingListener, options: ToldOptions): () => void {
  const queue = new ListenerQueue();
  const { wallMillis, location, origin = () => noOrigin } = options;
  const teller = new Teller(
    listener,
    queue,
    new SnapshotFold({ startedAtMillis: wallMillis(), location, retainedBatches: 100 }),
  );
  const unsubscribe = bus.subscribe((event) => teller.tell(event, wallMillis(), origin()));
  return () => {
    unsubscribe();
    queue.end();
  };
}

class Teller {
  readonly #listener: StreamingListener;
  readonly #queue: ListenerQueue;
  readonly #fold: SnapshotFold;

  constructor(listener: StreamingListener, queue: ListenerQueue, fold: SnapshotFold) {
    this.#listener = listener;
    this.#queue = queue;
    this.#fold = fold;
  }

  tell(event: MillraceEvent, atMillis: number, origin: Origin): void {
    this.#fold.add(event, atMillis, origin);
    this.#tellOne(event, atMillis, origin);
    this.#call('onEvent', event);
  }

  #tellOne(event: MillraceEvent, atMillis: number, origin: Origin): void {
    switch (event.type) {
      case 'engine.started':
        return this.#call('onStreamingStarted', { time: atMillis });
      case 'worker.started':
        return this.#tellReceiver('onReceiverStarted', origin, atMillis);
      case 'worker.stopped':
        return this.#tellReceiver('onReceiverStopped', origin, atMillis);
      case 'receiver.restarting':
      case 'shard.failed':
      case 'fault.seen':
        return this.#tellReceiver('onReceiverError', origin, atMillis);
      case 'batch.submitted':
        return this.#tellBatch('onBatchSubmitted', this.#fold.batchOf(keyOf(event)));
      case 'batch.started':
        return this.#tellBatch('onBatchStarted', this.#fold.batchOf(keyOf(event)));
      case 'batch.completed':
      case 'batch.dropped':
        return this.#tellBatch('onBatchCompleted', this.#fold.batchOf(keyOf(event)));
      case 'output.started':
      case 'output.completed':
        return this.#tellOutput(event);
      case 'lease.gained':
        return this.#call('onLeaseGained', event);
      case 'lease.lost':
        return this.#call('onLeaseLost', event);
      case 'alert.raised':
      case 'alert.cleared':
        return this.#call('onAlert', event);
      default:
        return;
    }
  }

  #tellReceiver(
    name: 'onReceiverStarted' | 'onReceiverError' | 'onReceiverStopped',
    { receiverId }: Origin,
    atMillis: number,
  ): void {
    if (this.#listener[name] === undefined) return;
    const view = this.#fold.receiverOf(receiverId, atMillis);
    if (view !== undefined) this.#call(name, { receiverInfo: receiverInfoOf(view) });
  }

  #tellBatch(name: 'onBatchSubmitted' | 'onBatchStarted' | 'onBatchCompleted', batch: BatchView | undefined): void {
    if (batch !== undefined) this.#call(name, { batchInfo: batchInfoOf(batch) });
  }

  #tellOutput(event: EventOf<'output.started'> | EventOf<'output.completed'>): void {
    const batch = this.#fold.batchOf(keyOf(event));
    const output = batch?.outputs.find(({ outputId }) => outputId === event.outputId);
    if (batch === undefined || output === undefined) return;
    const name = event.type === 'output.started' ? 'onOutputOperationStarted' : 'onOutputOperationCompleted';
    this.#call(name, { outputOperationInfo: outputInfoOf(batch, output) });
  }

  /** Looks the callback up now, and calls it later. */
  #call<Name extends keyof StreamingListener>(
    name: Name,
    told: Parameters<NonNullable<StreamingListener[Name]>>[0],
  ): void {
    if (this.#listener[name] === undefined) return;
    this.#queue.push(() => (this.#listener[name] as ((told: unknown) => unknown) | undefined)?.(told));
  }
}
