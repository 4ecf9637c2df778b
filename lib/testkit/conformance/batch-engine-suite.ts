import assert from 'node:assert/strict';
import { Channel } from '../../base/channel.ts';
import { type Position, SHARD_END, TRIM_HORIZON, positionOf } from '../../base/position.ts';
import type { Block } from '../../block/block.ts';
import type { BlockSource } from '../../block/block-source.ts';
import { KinesisRecord } from '../../block/record.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { ConformanceCase } from './case.ts';

/** What an engine under test is made on. */
export interface BatchEngineBench {
  readonly source: BlockSource;
  readonly clock: VirtualClock;
  /** The engine gives each record's text here, in order; it may reject, and the engine must try again. */
  readonly output: (shardId: string, text: string) => Promise<void>;
}

/** Makes the engine under test: batches of one second, failed ones tried again without end. */
export type BatchEngineMaker = (bench: BatchEngineBench) => { run(signal: AbortSignal): Promise<void> };

/** What every engine that is fed with blocks must do, ours or another. */
export function batchEngineSuite(make: BatchEngineMaker): readonly ConformanceCase[] {
  const on = (name: string, body: (stage: Stage) => Promise<void>): ConformanceCase => ({
    name,
    run: () => body(new Stage(make)),
  });
  return [
    on('acks a block only after its outputs, and gives the records of a shard in order', outputsThenAcks),
    on('tries a failed batch again, and acks nothing of it before', triesAgain),
    on('acks the end of a shard, and ends when the blocks end', endsShards),
    on('ends with the reason of the signal, and acks nothing more', endsAtOnce),
  ];
}

class Stage {
  readonly clock = new VirtualClock({ startWallMillis: 0 });
  readonly blocks = new Channel<Block>();
  /** Outputs as `shard text`, acks as `ack shard`, in the order in which they came. */
  readonly steps: string[] = [];
  readonly life = new AbortController();
  readonly running: Promise<void>;
  failures = 0;
  #number = 100n;
  readonly #ends = new Map<string, Position>();

  constructor(make: BatchEngineMaker) {
    const source: BlockSource = {
      blocks: this.blocks,
      ack: (range) => void this.steps.push(`ack ${range.shardId}`),
      commit: () => Promise.reject(new Error('this suite is about acks')),
      demand: () => {},
    };
    const output = async (shardId: string, text: string) => {
      if (this.failures > 0) {
        this.failures -= 1;
        throw new Error('not now');
      }
      this.steps.push(`${shardId} ${text}`);
    };
    this.running = make({ source, clock: this.clock, output }).run(this.life.signal);
    this.running.catch(() => {});
  }

  push(shardId: string, texts: readonly string[], isLast = false): void {
    const after = this.#ends.get(shardId) ?? TRIM_HORIZON;
    const records = texts.map((text) => this.#record(shardId, text));
    const through = isLast ? SHARD_END : positionOf(this.#number);
    this.#ends.set(shardId, through);
    this.blocks.send({
      id: `${shardId}@1/${this.#number}`,
      streamName: 'lines',
      shardId,
      tenure: 1,
      range: { shardId, tenure: 1, after, through },
      records,
      bytes: records.reduce((sum, record) => sum + record.byteLength, 0),
      sealedAtMillis: 0,
      millisBehindLatest: 0,
      signal: new AbortController().signal,
    });
  }

  #record(shardId: string, text: string): KinesisRecord {
    this.#number += 1n;
    return new KinesisRecord({
      data: new TextEncoder().encode(text),
      partitionKey: text,
      sequenceNumber: String(this.#number),
      subSequenceNumber: 0,
      shardId,
      streamName: 'lines',
      arrivalTimeMillis: 0,
    });
  }
}

async function outputsThenAcks(stage: Stage): Promise<void> {
  stage.push('a', ['1', '2']);
  stage.push('a', ['3']);
  await stage.clock.advance(1_000);
  assert.deepEqual(stage.steps, ['a 1', 'a 2', 'a 3', 'ack a', 'ack a']);
  stage.push('a', ['4']);
  stage.blocks.close();
  await stage.clock.runUntil(stage.running);
  assert.deepEqual(stage.steps.slice(5), ['a 4', 'ack a']);
}

async function triesAgain(stage: Stage): Promise<void> {
  stage.failures = 2;
  stage.push('a', ['1']);
  stage.blocks.close();
  await stage.clock.runUntil(stage.running);
  assert.equal(stage.failures, 0);
  assert.deepEqual(stage.steps, ['a 1', 'ack a']);
}

async function endsShards(stage: Stage): Promise<void> {
  stage.push('a', ['1']);
  stage.push('a', [], true);
  stage.push('b', ['2']);
  stage.blocks.close();
  await stage.clock.runUntil(stage.running);
  assert.deepEqual([...stage.steps].sort(), ['a 1', 'ack a', 'ack a', 'ack b', 'b 2']);
}

async function endsAtOnce(stage: Stage): Promise<void> {
  stage.failures = Number.POSITIVE_INFINITY;
  stage.push('a', ['1']);
  await stage.clock.advance(1_000);
  const reason = new Error('over');
  stage.life.abort(reason);
  await assert.rejects(stage.clock.runUntil(stage.running), reason);
  assert.deepEqual(stage.steps, []);
}
