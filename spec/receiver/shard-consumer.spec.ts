import { describe, expect, it } from 'vitest';
import { Channel } from '../../lib/base/channel.ts';
import { MillraceError } from '../../lib/base/error.ts';
import { Notifier } from '../../lib/base/notifier.ts';
import { type Position, TRIM_HORIZON, positionOf } from '../../lib/base/position.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { Block } from '../../lib/block/block.ts';
import type { KinesisRecord } from '../../lib/block/record.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';
import { KinesisFault } from '../../lib/kinesis/fault.ts';
import type { Page, ShardReader } from '../../lib/kinesis/reader.ts';
import type { StartPosition } from '../../lib/kinesis/start-position.ts';
import type { Lease } from '../../lib/lease/lease.ts';
import { LeaseKeeper } from '../../lib/lease/lease-keeper.ts';
import { ByteBudget } from '../../lib/receiver/byte-budget.ts';
import { DemandGate } from '../../lib/receiver/demand-gate.ts';
import { recordOverheadBytes } from '../../lib/receiver/held-bytes.ts';
import { ShardConsumer } from '../../lib/receiver/shard-consumer.ts';
import { FakeLeaseTable } from '../../lib/testkit/fake-lease-table.ts';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { record, shardId } from './values.ts';

/** A reader that gives what the test tells it to, and remembers where it was opened. */
class ScriptedReader implements ShardReader {
  readonly starts: StartPosition[] = [];
  #pages = new Channel<Page>();
  #untie = () => {};

  open(_: string, start: StartPosition, signal: AbortSignal): AsyncIterable<Page> {
    this.starts.push(start);
    const pages = new Channel<Page>();
    this.#pages = pages;
    this.#untie();
    const onAbort = () => pages.fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#untie = () => signal.removeEventListener('abort', onAbort);
    return pages;
  }

  give(records: readonly KinesisRecord[], more: Partial<Page> = {}): void {
    const bytes = records.reduce((sum, one) => sum + one.data.byteLength, 0);
    this.#pages.send({ records, bytes, millisBehindLatest: 0, ...more });
  }

  fail(code: 'MR_ENDPOINT_UNREACHABLE' | 'MR_INTERNAL'): void {
    this.#pages.fail(new MillraceError(code, 'injected'));
  }

  /** Kinesis says that it knows no such shard. */
  callGone(): void {
    this.#pages.fail(new KinesisFault('shardGone', 'MR_STREAM_NOT_FOUND', 'injected', {}));
  }
}

/** A consumer of one shard from a checkpoint, reading already. */
async function reading(checkpoint: Position = TRIM_HORIZON, isGone = true, sealAtOnceBytes?: number) {
  const clock = new VirtualClock();
  const table = new FakeLeaseTable();
  const budget = new ByteBudget(10_000_000);
  const reader = new ScriptedReader();
  const blocks: Block[] = [];
  const events: MillraceEvent[] = [];
  const common = {
    clock,
    random: seededRandom(1),
    events: { publish: (event: MillraceEvent) => void events.push(event) },
  };
  table.putRow({
    leaseKey: shardId,
    leaseCounter: 4,
    leaseOwner: 'a',
    ownerSwitchesSinceCheckpoint: 0,
    checkpoint,
    parentShardIds: [],
    childShardIds: [],
  });
  const keeper = new LeaseKeeper({
    ...common,
    table,
    workerIdentifier: 'a',
    failoverTimeMillis: 10_000,
    initialPosition: { type: 'TRIM_HORIZON' },
    serviceTimeMillis: () => clock.wallMillis(),
    onLost: () => {},
    onHandoff: () => {},
  });
  const end = new AbortController();
  void keeper.run(end.signal).catch(() => {});
  const lease = (await clock.runUntil(keeper.begin(shardId, end.signal))) as Lease;
  const consumer = new ShardConsumer({
    ...common,
    lease,
    streamName: 'stream',
    reader,
    rereader: reader,
    hashKeyRange: undefined,
    keeper,
    table,
    budget,
    gate: new DemandGate(clock),
    bound: undefined,
    leasesChanged: new Notifier(),
    serviceTimeMillis: () => clock.wallMillis(),
    blockIntervalMillis: 200,
    sealAtOnceBytes,
    blockMaxBytes: 1_000,
    blockMaxRecords: 100,
    maxUnackedBlocks: 4,
    emit: (block) => void blocks.push(block),
    leaseChildren: () => Promise.resolve(),
    listShards: () => Promise.resolve([]),
    coolDownMillis: 0,
    faultGraceMillis: 30_000,
    beforeLastCheckpoint: () => Promise.resolve(),
    confirmGone: () => Promise.resolve(isGone),
  });
  const run = consumer.run();
  run.catch(() => {});
  await clock.advance(0);
  return { clock, table, budget, reader, blocks, events, keeper, consumer, run };
}

const sequences = (blocks: readonly Block[]) => blocks.map((block) => block.records.map((one) => one.sequenceNumber));

describe('ShardConsumer', () => {
  it('makes no block of a page that arrives at the moment at which reading is stopped', async () => {
    const { clock, reader, blocks, consumer, budget } = await reading();
    reader.give([record(1)]);
    await clock.advance(50);
    // The page is on its way to the consumer when the last block is sealed.
    reader.give([record(2), record(3)]);
    consumer.stopReading();
    // What was read is sealed at once: nobody waits for the end of its interval.
    expect(sequences(blocks)).toEqual([['1']]);
    await clock.advance(5_000);
    expect(sequences(blocks)).toEqual([['1']]);
    consumer.ack((blocks[0] as Block).range);
    expect(consumer.outstanding).toBe(0);
    consumer.abort(new MillraceError('MR_ABORTED', 'over'));
    await clock.advance(0);
    expect(budget.takenBytes).toBe(0);
  });

  it('opens a checkpoint inside an aggregate again when the first read failed, and skips no record', async () => {
    const { clock, reader, blocks } = await reading(positionOf('5', 1));
    reader.fail('MR_ENDPOINT_UNREACHABLE');
    await clock.advance(3_000);
    reader.give([record(5, { sub: 0 }), record(5, { sub: 1 }), record(5, { sub: 2 }), record(6)]);
    await clock.advance(300);
    expect(reader.starts).toEqual([
      { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '5' },
      { type: 'AT_SEQUENCE_NUMBER', sequenceNumber: '5' },
    ]);
    expect(blocks[0]?.records.map((one) => `${one.sequenceNumber}:${one.subSequenceNumber}`)).toEqual(['5:2', '6:0']);
    reader.fail('MR_ENDPOINT_UNREACHABLE');
    await clock.advance(3_000);
    expect(reader.starts.at(-1)).toEqual({ type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: '6' });
  });

  it('seals what it has before it opens the shard again, so that no record comes twice', async () => {
    const { clock, reader, blocks } = await reading();
    reader.give([record(1), record(2)]);
    await clock.advance(10);
    reader.fail('MR_ENDPOINT_UNREACHABLE');
    await clock.advance(5_000);
    reader.give([record(3)]);
    await clock.advance(300);
    expect(sequences(blocks)).toEqual([['1', '2'], ['3']]);
  });

  it.each([true, false])(
    'ends a shard that Kinesis calls gone only where the listing says so too (%s)',
    async (isGone) => {
      const { clock, reader, blocks } = await reading(TRIM_HORIZON, isGone);
      reader.give([record(1)]);
      await clock.advance(300);
      reader.callGone();
      await clock.advance(3_000);
      const ends = blocks.filter(({ range }) => range.through.kind === 'SHARD_END');
      expect([ends.length, reader.starts.length]).toEqual(isGone ? [1, 1] : [0, 2]);
      if (isGone) return;
      reader.give([record(2)]);
      await clock.advance(300);
      expect(sequences(blocks)).toEqual([['1'], ['2']]);
    },
  );

  it('gives up after eight failures without a page in between, and counts anew after each page', async () => {
    const { clock, reader, run, consumer } = await reading();
    const failTimes = async (times: number) => {
      for (let time = 0; time < times; time += 1) {
        reader.fail('MR_ENDPOINT_UNREACHABLE');
        await clock.advance(70_000);
      }
    };
    await failTimes(8);
    reader.give([]);
    await clock.advance(10);
    await failTimes(8);
    expect(consumer.state.tag).toBe('starting');
    await failTimes(1);
    await expect(run).rejects.toMatchObject({ code: 'MR_ENDPOINT_UNREACHABLE' });
    expect(consumer.state).toMatchObject({ tag: 'failed' });
  });

  it('ends lost, without a block and without trying again, when its tenure was over before it began', async () => {
    const { clock, reader, blocks, keeper, consumer, budget } = await reading();
    await clock.runUntil(keeper.ask({ type: 'release', leaseKey: shardId, tenure: consumer.tenure }));
    // A full block, which is handed out by the read itself.
    reader.give(Array.from({ length: 100 }, (_, index) => record(index + 1)));
    await clock.advance(10_000);
    expect(consumer.state).toEqual({ tag: 'lost' });
    expect(blocks).toEqual([]);
    expect(reader.starts).toHaveLength(1);
    expect(budget.takenBytes).toBe(0);
  });

  it('stops at maxUnackedBlocks: the page under way is the last', async () => {
    const { clock, reader, blocks, consumer } = await reading();
    for (let page = 0; page < 6; page += 1) {
      reader.give([record(page + 1)]);
      await clock.advance(300);
    }
    expect(blocks).toHaveLength(5);
    for (const block of blocks.slice(0, 2)) consumer.ack(block.range);
    await clock.advance(300);
    expect(blocks).toHaveLength(6);
  });

  it('keeps the bytes of a block until it is acked or dropped', async () => {
    const { clock, reader, blocks, consumer, budget } = await reading();
    // A read is under way all the time and holds its reservation: much as long as nobody knows how large pages are.
    expect(budget.takenBytes).toBe(2_500_000);
    reader.give([]);
    await clock.advance(10);
    const idle = budget.takenBytes;
    expect(idle).toBe(64 * 1024);
    reader.give([record(1, { bytes: 400 }), record(2, { bytes: 400 })]);
    await clock.advance(10);
    // Data, and what each record keeps beside it.
    expect(budget.takenBytes).toBe(idle + 800 + 2 * recordOverheadBytes);
    reader.give([record(3, { bytes: 300 })]);
    await clock.advance(300);
    expect(blocks.map((block) => block.bytes)).toEqual([800, 300]);
    expect(budget.takenBytes).toBe(idle + 1_100 + 3 * recordOverheadBytes);
    consumer.ack((blocks[1] as Block).range);
    expect(budget.takenBytes).toBe(idle + 800 + 2 * recordOverheadBytes);
    consumer.abort(new MillraceError('MR_ABORTED', 'over'));
    await clock.advance(0);
    expect(budget.takenBytes).toBe(0);
  });

  it('seals at once what is worth a block of its own, and has the rest wait for its interval', async () => {
    const { clock, reader, blocks, budget } = await reading(TRIM_HORIZON, true, 3 * recordOverheadBytes);
    reader.give([]);
    await clock.advance(10);
    const idle = budget.takenBytes;
    reader.give([record(1), record(2)]);
    await clock.advance(10);
    expect(blocks).toEqual([]);
    reader.give([record(3)]);
    await clock.advance(0);
    expect(sequences(blocks)).toEqual([['1', '2', '3']]);
    expect(budget.takenBytes).toBe(idle + 3 + 3 * recordOverheadBytes);
    // The timer of the first two seals nothing any more: the next has an interval of its own.
    await clock.advance(150);
    reader.give([record(4)]);
    await clock.advance(150);
    expect(blocks).toHaveLength(1);
    await clock.advance(60);
    expect(sequences(blocks)).toEqual([['1', '2', '3'], ['4']]);
  });

  it('gives nothing out, and keeps no memory and no timer, when its tenure is over as a block is sealed at once', async () => {
    const { clock, reader, blocks, keeper, consumer, budget, events } = await reading(
      TRIM_HORIZON,
      true,
      3 * recordOverheadBytes,
    );
    reader.give([record(1), record(2)]);
    await clock.advance(10);
    await clock.runUntil(keeper.ask({ type: 'release', leaseKey: shardId, tenure: consumer.tenure }));
    // The interval of the first two is still on.
    reader.give([record(3)]);
    await clock.advance(1_000);
    expect(consumer.state).toEqual({ tag: 'lost' });
    expect(blocks).toEqual([]);
    expect(reader.starts).toHaveLength(1);
    expect(budget.takenBytes).toBe(0);
    expect(events.filter(({ type }) => type === 'fault.seen')).toEqual([]);
  });

  it('has every block wait for its interval where nothing is sealed at once', async () => {
    const { clock, reader, blocks } = await reading();
    reader.give(Array.from({ length: 50 }, (_, index) => record(index + 1)));
    await clock.advance(190);
    expect(blocks).toEqual([]);
    await clock.advance(20);
    expect(blocks).toHaveLength(1);
  });

  it('does not say that a text is committed when SHARD_END was on its way without it', async () => {
    const { clock, table, reader, blocks, consumer } = await reading();
    reader.give([], { end: { childShards: [] } });
    await clock.advance(10);
    const last = blocks[0] as Block;
    consumer.ack(last.range);
    void consumer.checkpoint();
    expect(await clock.runUntil(consumer.commit(last.range, 'state'))).toBe('lost');
    expect(table.rows[0]).toMatchObject({ checkpoint: { kind: 'SHARD_END' } });
    expect(table.rows[0]?.engineState).toBeUndefined();
  });

  it('writes SHARD_END once, however many ask for it', async () => {
    const { clock, table, reader, blocks, consumer, events, run } = await reading();
    reader.give([record(1)], { end: { childShards: [] } });
    await clock.advance(10);
    expect(blocks).toHaveLength(1);
    consumer.ack((blocks[0] as Block).range);
    await clock.runUntil(Promise.all([consumer.checkpoint(), consumer.checkpoint(), run]));
    expect(consumer.state).toEqual({ tag: 'ended' });
    expect(events.filter((event) => event.type === 'lease.checkpointed')).toHaveLength(1);
    expect(table.rows[0]).toMatchObject({ checkpoint: { kind: 'SHARD_END' } });
    expect(table.rows[0]?.leaseOwner).toBeUndefined();
  });
});
