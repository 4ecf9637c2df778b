import type { Logger } from '../base/logger.ts';
import type { EventListener } from '../event/bus.ts';
import type { EventType, MillraceEvent } from '../event/event.ts';
import type { LogLevel } from './log.ts';

/** The level of every event, with the words of its line. Healthy work is silent at warn. */
const lines: Readonly<Record<EventType, readonly [LogLevel, string]>> = {
  'worker.started': ['info', 'worker started'],
  'worker.stopped': ['info', 'worker stopped'],
  'worker.drainRequested': ['info', 'asked to drain through the lease table'],
  'worker.draining': ['info', 'waiting for blocks to be finished'],
  'worker.joined': ['info', 'another worker joined'],
  'worker.stalled': ['error', 'the main thread does not answer, so its leases stand still'],
  'heartbeats.inlined': ['warn', 'heartbeats run in the main thread, which must not be blocked'],
  'worker.left': ['info', 'another worker left'],
  'leader.elected': ['info', 'this worker leads'],
  'leader.lost': ['info', 'this worker leads no more'],
  'leader.resigned': ['warn', 'this worker cannot do the work of a leader, and leaves it to another'],
  'lease.handoff': ['info', 'lease handed over'],
  'lease.hole': ['warn', 'part of the hash space has no lease'],
  'lease.deleted': ['debug', 'lease of a finished shard deleted'],
  'table.created': ['info', 'lease table created'],
  'lease.created': ['debug', 'lease created'],
  'lease.assigned': ['debug', 'lease assigned'],
  'lease.gained': ['info', 'lease gained'],
  'lease.lost': ['warn', 'lease lost'],
  'lease.released': ['info', 'lease released'],
  'lease.checkpointed': ['debug', 'checkpoint written'],
  'shard.changed': ['debug', 'shard changed its state'],
  'shard.read': ['debug', 'shard read'],
  'shard.stalled': ['error', 'the work on the records of the shard does not come back'],
  'shard.throttled': ['warn', 'shard throttled by Kinesis'],
  'shard.iteratorExpired': ['info', 'iterator expired, shard opened again'],
  'shard.gone': ['warn', 'shard is gone'],
  'shard.failed': ['error', 'shard failed for good, its lease is given up'],
  'batch.slow': ['warn', 'batches take nearly as long as they come'],
  'receiver.restarting': ['warn', 'the receiver failed and will be started again'],
  'shard.positionTrimmed': ['error', 'records after the checkpoint may be lost, the stream keeps them no longer'],
  'shard.subscribed': ['debug', 'shard subscribed to'],
  'shard.subscriptionEnded': ['debug', 'subscription to a shard has ended'],
  'shard.subscriptionRefused': ['warn', 'another subscription of the stream consumer reads the shard'],
  'streamConsumer.registered': ['info', 'stream consumer registered'],
  'streamConsumer.deregistered': ['info', 'stream consumer deregistered'],
  'fanOut.fellBack': ['warn', 'shard is read by polling, as the stream takes no further consumer'],
  'aggregate.broken': ['warn', 'aggregate cannot be taken apart, passed on as one record'],
  'aggregate.misplaced': ['warn', 'user records of another shard left out'],
  'codec.fellBack': ['warn', 'answers are decoded in another way than asked for'],
  'block.sealed': ['debug', 'block sealed'],
  'engine.started': ['info', 'engine started'],
  'engine.standby': ['info', 'waiting behind another process'],
  'engine.active': ['info', 'computing the application'],
  'engine.lost': ['warn', 'no longer computing the application'],
  'batch.submitted': ['debug', 'batch waits for its turn'],
  'batch.started': ['debug', 'batch begun'],
  'batch.dropped': ['info', 'batch given up here'],
  'output.started': ['debug', 'output of a batch begun'],
  'output.completed': ['debug', 'output of a batch ended'],
  'alert.raised': ['warn', 'alert'],
  'alert.cleared': ['info', 'alert is over'],
  'batch.completed': ['debug', 'batch completed'],
  'input.failed': ['warn', 'a receiver of the program failed and will be started again'],
  'batch.step': ['debug', 'step of a batch done'],
  'ids.forgotten': ['warn', 'forgot ids before their time, since there are more than maximumIds'],
  'blocks.dropped': ['info', 'let go of blocks that wait behind a batch which fails'],
  'batch.reread': ['info', 'reads the blocks of a batch again'],
  'plan.found': ['info', 'found the plan of a batch that was not committed, and runs it'],
  'range.refused': ['warn', 'range refused'],
  'state.discarded': ['warn', 'state that cannot be read was given up'],
  'state.converted': ['info', 'state of an earlier program was converted'],
  'state.collected': ['debug', 'removed state of an ended shard that nobody needs any more'],
  'state.unclaimed': ['warn', 'state of operators that the program does not have'],
  'batch.failed': ['error', 'batch failed'],
  'batch.stuck': ['warn', 'handler keeps failing for the same records'],
  'records.skipped': ['warn', 'records left out after their handler failed'],
  'metrics.failed': ['warn', "this worker's load cannot be measured"],
  'cloudWatch.failed': ['warn', 'CloudWatch takes no metrics'],
  'clock.skewed': ['warn', "this machine's clock differs from the service's"],
  'fault.seen': ['warn', 'fault'],
};

/** Anything that events can be heard from, such as the bus. */
export interface EventSource {
  subscribe(listener: EventListener): () => void;
}

/**
 * Logs every event at its level, with its fields and its name as `event`. Returns what ends it. A lease that this
 * worker gives back itself is no warning.
 */
export function logEvents(bus: EventSource, logger: Logger): () => void {
  return bus.subscribe((event) => {
    const [level, words] = lines[event.type];
    const { type, ...fields } = event;
    logger[isExpected(event) ? 'info' : level]({ event: type, ...fields }, words);
  });
}

function isExpected(event: MillraceEvent): boolean {
  return event.type === 'lease.lost' && event.reason === 'released';
}
