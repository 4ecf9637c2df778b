import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineContext } from '../../lib/engine/context.ts';
import { startRig } from './harness.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-outputs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('files of batches', () => {
  it('are named by the batch time, hold an item a line, and leave nothing unfinished', async () => {
    const rig = startRig(
      (stream) => {
        const texts = stream.map((record) => record.text());
        texts.count().print();
        texts.saveAsTextFiles(path.join(folder, 'deep', 'lines'), 'txt');
        texts.map((text) => ({ text, big: 1n })).saveAsJsonLines(path.join(folder, 'deep', 'json'));
      },
      { output: { write: () => {} } },
    );
    rig.feed.push('shard-a', ['one', 'two']);
    rig.feed.push('shard-b', ['three']);
    await rig.clock.advance(1_000);
    rig.feed.end();
    await rig.running;
    const deep = path.join(folder, 'deep');
    expect((await readdir(deep)).toSorted()).toEqual(['json-1000.jsonl', 'lines-1000.txt']);
    expect(await readFile(path.join(deep, 'lines-1000.txt'), 'utf8')).toBe('one\ntwo\nthree\n');
    expect(await readFile(path.join(deep, 'json-1000.jsonl'), 'utf8')).toBe(
      '{"text":"one","big":"1"}\n{"text":"two","big":"1"}\n{"text":"three","big":"1"}\n',
    );
  });

  it('have the name of the shard where each shard has batches of its own', async () => {
    const rig = startRig((stream) => stream.map((record) => record.text()).saveAsTextFiles(path.join(folder, 'lines')));
    rig.feed.push('shard-a', ['a']);
    rig.feed.push('shard-b', ['b']);
    rig.feed.end();
    await rig.running;
    expect((await readdir(folder)).map((name) => name.replace(/\d+/, 'T')).toSorted()).toEqual([
      'lines-T-shard-a',
      'lines-T-shard-b',
    ]);
  });
});

describe('one failing output', () => {
  it('does not keep the others from being done, and is tried again alone', async () => {
    const calls: string[] = [];
    const rig = startRig((stream) => {
      stream.foreachBatch((_batch, { attempt }) => {
        calls.push(`first ${attempt}`);
        if (attempt === 1) throw new Error('for now');
      });
      stream.foreachBatch((_batch, { attempt }) => void calls.push(`second ${attempt}`));
    });
    rig.feed.push('shard-a', ['a']);
    rig.feed.end();
    await rig.clock.runUntil(rig.running, { atMostMillis: 60_000 });
    expect(calls).toEqual(['first 1', 'second 1', 'first 2']);
    expect(rig.feed.acked).toHaveLength(1);
  });
});

describe('slice', () => {
  it('gives the batches from one time to another, both included, of a stream that remembers', async () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    const stream = context.addInput('lines').map((record) => record.text());
    expect(() => stream.slice(0, 1_000)).toThrow(/slice of map at .* was called before the context has started/);
    let texts = stream;
    const rig = startRig((input) => {
      texts = input.map((record) => record.text()).remember(3_000);
      input.foreachBatch(() => {});
    }, {});
    for (const text of ['1', '2', '3', '4']) {
      rig.feed.push('shard-a', [text]);
      await rig.clock.advance(1_000);
    }
    const between = (from: number, to: number) => texts.slice(from, to).flatMap((batch) => batch.collect());
    expect(between(2_000, 3_000)).toEqual(['2', '3']);
    expect(between(0, 9_000)).toEqual(['2', '3', '4']);
    rig.feed.end();
    await rig.running;
  });
});

describe('the explanation of a plan', () => {
  it('tells what runs in one pass, what is regrouped, what is kept, and the scope with its reason', () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    const pairs = context
      .addInput('lines')
      .map((record) => record.text())
      .mapToPair((text) => [text, 1]);
    pairs.reduceByKey((a, b) => a + b).print();
    pairs.count().print();
    const again =
      'every record at least once: batches are not committed, so that one is shown again whose acknowledgement was not written';
    const text = context.explain().replaceAll(/outputs\.spec\.ts:\d+/g, 'L');
    expect(text.split('\n').slice(1)).toEqual([
      'a batch every 1000 ms',
      '#0 input: input at L',
      '#2 reads #0; one pass: map at L > mapToPair at L; kept for 2 readers',
      '#3 reads #2; regroup by key: reduceByKey at L',
      '#5 reads #2; one result: count at L',
      `output of #3: print at L; ${again}`,
      `output of #5: print at L; ${again}`,
      '',
    ]);
    expect(text).toContain('application scope (one process computes all shards): reduceByKey at L puts the values');
    expect(context.state).toBe('INITIALIZED');
  });

  it('keeps shard scope for keys that are placed by shard', () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    const keyed = context.addInput('lines').keyByPartitionKey();
    keyed
      .mapValues(() => 1)
      .reduceByKey((a, b) => a + b)
      .join(keyed)
      .print();
    expect(context.explain()).toMatch(/^shard scope .*: the keys are those of keyByPartitionKey at/);
  });

  it('is made at once of a stream that was united with itself again and again', () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    let keyed = context.addInput('lines').keyByPartitionKey();
    for (let time = 0; time < 40; time += 1) keyed = keyed.union(keyed);
    keyed.groupByKey().print();
    expect(context.explain()).toMatch(/^shard scope/);
  });

  it('leaves shard scope when the partition keys of two streams meet', () => {
    const context = new EngineContext({ batchIntervalMillis: 1_000 });
    context.addInput('a').keyByPartitionKey().join(context.addInput('b').keyByPartitionKey()).print();
    expect(context.explain()).toMatch(/^application scope .*: join at .* brings together/);
  });
});
