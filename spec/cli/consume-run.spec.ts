import { describe, expect, it } from 'vitest';
import { raceAbort } from '../../lib/base/abort.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { deferred } from '../../lib/base/service.ts';
import { KinesisRecord } from '../../lib/block/record.ts';
import { type ConsumableConsumer, printing, runConsume as run } from '../../lib/cli/consume-run.ts';
import { MemoryIo } from './support.ts';

const runConsume = (consumer: ConsumableConsumer, io: MemoryIo) => run(consumer, io, printing);

function record(index: number): KinesisRecord {
  return new KinesisRecord({
    data: Buffer.from(`line ${index}`),
    partitionKey: 'k',
    sequenceNumber: String(index),
    subSequenceNumber: 0,
    shardId: 'shardId-0',
    streamName: 'orders',
    arrivalTimeMillis: 0,
  });
}

/** A consumer of one shard in memory: hands out the blocks it is given, in order, and notes which are finished. */
class ScriptedConsumer implements ConsumableConsumer {
  readonly finished: number[] = [];
  drains = 0;
  readonly #blocks: KinesisRecord[][];
  readonly #end: 'atEnd' | 'whenDrained' | 'onlyAborted';
  readonly #drained = deferred();

  constructor(blocks: number[][], end: 'atEnd' | 'whenDrained' | 'onlyAborted') {
    this.#blocks = blocks.map((block) => block.map(record));
    this.#end = end;
  }

  async run(
    handler: (batch: { records: readonly KinesisRecord[] }) => Promise<void>,
    { signal }: { signal: AbortSignal },
  ): Promise<void> {
    for (const records of this.#blocks) {
      await raceAbort(handler({ records }), signal);
      this.finished.push(...records.map((one) => Number(one.sequenceNumber)));
    }
    if (this.#end === 'atEnd') return;
    await raceAbort(this.#end === 'whenDrained' ? this.#drained.promise : deferred().promise, signal);
  }

  drain(): Promise<void> {
    this.drains += 1;
    this.#drained.resolve();
    return Promise.resolve();
  }
}

function sequenceNumbers(text: string): string[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { sequenceNumber: string }).sequenceNumber);
}

describe('millrace consume', () => {
  it('prints one line for each record and ends with 0 when the run does', async () => {
    const io = new MemoryIo();
    const consumer = new ScriptedConsumer([[1, 2], [], [3]], 'atEnd');
    expect(await runConsume(consumer, io)).toBe(0);
    expect(sequenceNumbers(io.stdout.text)).toEqual(['1', '2', '3']);
    expect(io.signalHandlers).toBe(0);
  });

  it('finishes a block only when its lines have left the process', async () => {
    const io = new MemoryIo();
    const consumer = new ScriptedConsumer([[1], [2]], 'atEnd');
    io.stdout.hold();
    const running = runConsume(consumer, io);
    await io.clock.advance(1_000);
    expect(consumer.finished).toEqual([]);
    io.stdout.release();
    expect(await running).toBe(0);
    expect(consumer.finished).toEqual([1, 2]);
  });

  it('ends with 0 when the reader of the output goes away, and what it has not taken is not finished', async () => {
    const io = new MemoryIo();
    const consumer = new ScriptedConsumer([[1], [2]], 'onlyAborted');
    const running = runConsume(consumer, io);
    await io.clock.advance(1);
    expect(consumer.finished).toEqual([1, 2]);

    const closed = new MemoryIo();
    closed.stdout.breakWith('EPIPE');
    const unread = new ScriptedConsumer([[1], [2]], 'onlyAborted');
    expect(await runConsume(unread, closed)).toBe(0);
    expect(unread.finished).toEqual([]);

    io.signal(15);
    io.signal(15);
    expect(await io.clock.runUntil(running)).toBe(143);
  });

  it('fails when the output breaks in another way', async () => {
    const io = new MemoryIo();
    io.stdout.breakWith('ENOSPC');
    const consumer = new ScriptedConsumer([[1]], 'onlyAborted');
    await expect(runConsume(consumer, io)).rejects.toThrow('standard output cannot be written: write ENOSPC');
    expect(consumer.finished).toEqual([]);
  });

  it('drains at the first signal and ends with 0', async () => {
    const io = new MemoryIo();
    const consumer = new ScriptedConsumer([[1]], 'whenDrained');
    const running = runConsume(consumer, io);
    await io.clock.advance(10);
    io.signal(2);
    expect(await running).toBe(0);
    expect(consumer.drains).toBe(1);
  });

  it('aborts at the second signal with 128 and its number, even when the consumer never ends', async () => {
    const io = new MemoryIo();
    const consumer: ConsumableConsumer = { run: () => deferred().promise, drain: () => deferred().promise };
    const running = runConsume(consumer, io);
    io.signal(2);
    await io.clock.advance(60_000);
    io.signal(2);
    expect(await io.clock.runUntil(running, { atMostMillis: 2_000 })).toBe(130);
  });

  it('passes on what ended the run, such as a deadline of the drain that has passed', async () => {
    const io = new MemoryIo();
    const fault = new MillraceError('MR_DRAIN_TIMEOUT', 'late');
    const consumer: ConsumableConsumer = { run: () => Promise.reject(fault), drain: () => Promise.reject(fault) };
    await expect(runConsume(consumer, io)).rejects.toBe(fault);
    expect(io.signalHandlers).toBe(0);
  });
});
