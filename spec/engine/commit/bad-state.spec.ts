import { describe, expect, it } from 'vitest';
import { SHARD_END, TRIM_HORIZON, comparePositions, positionOf } from '../../../lib/base/position.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { readManifest, linesOf } from '../../../lib/engine/commit/manifest.ts';
import { type Pointer, formatPointer, parsePointer } from '../../../lib/engine/commit/pointer.ts';
import { StateSpec } from '../../../lib/engine/state/state-spec.ts';
import { MemoryStore } from '../../../lib/engine/store/memory-store.ts';
import type { ObjectStore } from '../../../lib/engine/store/object-store.ts';
import { schemaVersion, seal } from '../../../lib/engine/store/sealed.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { type Holder, HolderWorld, type HolderOptions } from './holders.ts';

// The bad input of docs/exactly-once.md ("What goes wrong"), each after a good start: a clear error or the last good commit,
// never a silent reset. What needs tables and folders is in state-admin.integration.spec.ts: two applications in one place,
// a changed scope, a folder of another host.

type Scope = 'shard' | 'application';
const scopes = ['shard', 'application'] as const;
const { signal } = new AbortController();

interface Shown {
  /** What state counted last, by text. */
  readonly counts: Map<string, number>;
  /** The times of the batches, by id. */
  readonly times: Map<number, number>;
}

const newShown = (): Shown => ({ counts: new Map(), times: new Map() });

function program(shown: Shown, scope: Scope) {
  return (stream: DStream<KinesisRecord>) => {
    stream
      .keyByPartitionKey()
      .mapValues((record) => record.text())
      .updateStateByKey<number>('counts', (values, count = 0) => count + values.length)
      .foreachBatch((batch) => {
        for (const [text, count] of batch.collect()) shown.counts.set(text, count);
        shown.times.set(batch.id, batch.batchTimeMillis);
      });
    if (scope === 'application') stream.count().foreachBatch(() => {});
  };
}

const twelve = Array.from({ length: 12 }, (_, index) => `a${index}`);
const once = new Map(twelve.map((text) => [text, 1]));

/** A process commits so many batches of two records each, and dies after the last. */
async function committed(world: HolderWorld, scope: Scope, shown: Shown, given: Partial<HolderOptions> = {}) {
  let left = 3;
  const holder = await world.start(program(shown, scope), {
    scope,
    blockRecords: 2,
    blocksAtOnce: 1,
    diesAt: (event) => event.type === 'batch.step' && event.step === 'acknowledged' && (left -= 1) === 0,
    ...given,
  });
  await holder.readAll();
  holder.die();
  await world.clock.advance(5_000);
}

/** Another process goes on to the end. */
async function goesOn(world: HolderWorld, scope: Scope, shown: Shown): Promise<Holder> {
  const holder = await world.start(program(shown, scope), { scope, blockRecords: 3, blocksAtOnce: 1 });
  await holder.readAll();
  await world.clock.runUntil(holder.running);
  holder.die();
  return holder;
}

function textOf(world: HolderWorld, scope: Scope): string {
  return (scope === 'shard' ? world.shards.get('a')?.state : world.epochPlace.row?.pointer) ?? '';
}

const pointerOf = (world: HolderWorld, scope: Scope): Pointer => parsePointer(textOf(world, scope), 'row');

function setPointer(world: HolderWorld, scope: Scope, text: string): void {
  const row = world.shards.get('a');
  if (scope === 'shard' && row !== undefined) row.state = text;
  if (scope === 'application' && world.epochPlace.row !== undefined) {
    world.epochPlace.row = { ...world.epochPlace.row, pointer: text };
  }
}

/** Puts other bytes under the name of the last manifest, and names them by their checksum if that is asked for. */
async function replace(world: HolderWorld, scope: Scope, made: { bytes: Uint8Array; checksum?: string }) {
  const pointer = pointerOf(world, scope);
  await world.store.remove(pointer.manifest, signal);
  await world.store.create(pointer.manifest, made.bytes, signal);
  if (made.checksum !== undefined) {
    setPointer(world, scope, formatPointer({ ...pointer, checksum: made.checksum }));
  }
}

async function bytesOf(world: HolderWorld, scope: Scope): Promise<Uint8Array> {
  return (await world.store.read(pointerOf(world, scope).manifest, signal)) ?? new Uint8Array();
}

interface Harm {
  readonly name: string;
  readonly error: RegExp;
  readonly harm: (world: HolderWorld, scope: Scope) => Promise<void> | void;
}

const harms: readonly Harm[] = [
  {
    name: 'a manifest that is missing',
    error: /MR_STATE_UNREACHABLE: .* is named by the last commit of .* and is not there; restore it, or rewind/,
    harm: (world, scope) => world.store.remove(pointerOf(world, scope).manifest, signal),
  },
  {
    name: 'a manifest that is torn',
    error: /MR_STATE_DAMAGED/,
    harm: async (world, scope) => {
      const bytes = await bytesOf(world, scope);
      await replace(world, scope, { bytes: bytes.slice(0, bytes.byteLength / 2) });
    },
  },
  {
    name: 'a manifest with other bytes of the same length',
    error: /MR_STATE_DAMAGED/,
    harm: async (world, scope) => {
      const bytes = new Uint8Array(await bytesOf(world, scope));
      const at = bytes.byteLength - 3;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await replace(world, scope, { bytes });
    },
  },
  {
    name: 'a manifest of another application',
    error: /MR_STATE_FOREIGN: .* belongs to application "other", not to "app"/,
    harm: async (world, scope) => {
      const { manifest: name, checksum } = pointerOf(world, scope);
      const expected = { location: 'memory:state', name, checksum, application: 'app' };
      const { manifest, pieces } = readManifest(await bytesOf(world, scope), expected);
      await replace(world, scope, seal('manifest', linesOf({ ...manifest, application: 'other' }, pieces)));
    },
  },
  {
    name: 'a manifest that a later version wrote',
    error: /MR_STATE_NEWER/,
    harm: async (world, scope) => {
      const [header, ...rest] = Buffer.from(await bytesOf(world, scope))
        .toString()
        .split('\n');
      const newer = { ...(JSON.parse(header ?? '') as object), schemaVersion: schemaVersion + 1 };
      await replace(world, scope, { bytes: Buffer.from([JSON.stringify(newer), ...rest].join('\n')) });
    },
  },
  {
    name: 'a pointer that a later version wrote',
    error: /MR_STATE_NEWER: the pointer in .* was written by a later version/,
    harm: (world, scope) => setPointer(world, scope, textOf(world, scope).replace(/"v":\d+/, '"v":99')),
  },
  {
    name: 'a pointer that is none',
    error: /MR_STATE_DAMAGED: .* no pointer of Millrace/,
    harm: (world, scope) => setPointer(world, scope, 'nothing of ours'),
  },
  {
    name: 'the same path on another host, with nothing in it',
    error: /MR_STATE_UNREACHABLE: .* the last commit is in the store .*: a folder of another host, or another place/,
    harm: (world) => {
      world.store = new MemoryStore();
    },
  },
  {
    name: 'an earlier state object that is missing, on which the last one stands',
    error: /MR_STATE_UNREACHABLE: .* is not there/,
    harm: async (world, scope) => {
      const { manifest } = pointerOf(world, scope);
      const names = await world.store.list(manifest.slice(0, manifest.lastIndexOf('/') + 1), signal);
      await world.store.remove(names.toSorted()[0] ?? '', signal);
    },
  },
];

describe.each(scopes)('state in %s scope', (scope) => {
  it.each(harms)('is never taken for none: $name', async ({ harm, error }) => {
    const world = new HolderWorld({ a: twelve });
    const shown = newShown();
    await committed(world, scope, shown);
    const batches = shown.times.size;
    await harm(world, scope);
    const before = textOf(world, scope);
    const next = goesOn(world, scope, shown);
    await expect(next).rejects.toThrow(error);
    expect([textOf(world, scope), shown.times.size]).toEqual([before, batches]);
  });

  it.each([
    { name: 'and there is nothing', error: /MR_STATE_UNREACHABLE: .* is not there/, bytes: undefined },
    {
      name: 'and there are other bytes',
      error: /MR_STATE_DAMAGED/,
      bytes: new TextEncoder().encode('not what was given'),
    },
  ])('of a backend that said it had written a batch, $name, is refused at the next start', async ({ error, bytes }) => {
    const world = new HolderWorld({ a: twelve });
    const shown = newShown();
    let objects = 0;
    const lies = (store: ObjectStore): ObjectStore => ({
      ...store,
      create: async (name, given, call) => {
        objects += name.includes('/manifest-') ? 1 : 0;
        if (objects !== 2) return store.create(name, given, call);
        return bytes === undefined ? 'created' : store.create(name, bytes, call);
      },
    });
    await committed(world, scope, shown, { store: lies });
    expect(objects).toBe(3);
    await expect(goesOn(world, scope, shown)).rejects.toThrow(error);
  });

  it('of a backend that says that an object is there which is not, ends the batch, and the next process goes on', async () => {
    const world = new HolderWorld({ a: twelve });
    const shown = newShown();
    const lies = (store: ObjectStore): ObjectStore => ({
      ...store,
      create: async (name, given, call) => (name.includes('/manifest-') ? 'exists' : store.create(name, given, call)),
    });
    const engine = { maximumRetryAttempts: 0 };
    const first = await world.start(program(shown, scope), {
      scope,
      blockRecords: 2,
      blocksAtOnce: 1,
      store: lies,
      engine,
    });
    await first.readOneAndDrain('a');
    await expect(world.clock.runUntil(first.running)).rejects.toThrow('MR_STATE_FOREIGN');
    first.die();
    await world.clock.advance(5_000);
    await goesOn(world, scope, shown);
    expect(shown.counts).toEqual(once);
  });

  it.each([
    { name: 'back', position: TRIM_HORIZON },
    { name: 'on', position: positionOf(109n) },
    { name: 'to its end', position: SHARD_END },
  ])('is gone on with from the commit when somebody else moved the lease $name', async ({ position }) => {
    const world = new HolderWorld({ a: twelve });
    const shown = newShown();
    await committed(world, scope, shown);
    world.shards.get('a')!.checkpoint = position;
    const isAhead = comparePositions(position, positionOf(105n)) > 0;
    const next = await goesOn(world, scope, shown);
    expect(shown.counts).toEqual(once);
    const told = next.events.filter((event) => event.type === 'fault.seen' && event.code === 'MR_FOREIGN_WORKER');
    // The leases of an application with one commit follow it, so that one that is behind may have done so.
    expect(told).toHaveLength(scope === 'application' && !isAhead ? 0 : 1);
  });

  it('has batch times that never go back, and timeouts by them, when the clock does', async () => {
    const world = new HolderWorld({ a: twelve });
    world.clock.jumpWall(86_400_000);
    const shown = newShown();
    const ended: string[] = [];
    const build = (stream: DStream<KinesisRecord>) => {
      program(shown, scope)(stream);
      const seen = stream.keyByPartitionKey().mapWithState(
        'seen',
        StateSpec.function((key: string, value: KinesisRecord | undefined, state) => {
          if (value === undefined) ended.push(key);
          else state.update(1);
        }).timeout(4_000),
      );
      seen.foreachBatch(() => {});
    };
    const reading = { scope, blockRecords: 2, blocksAtOnce: 1 } as const;
    let left = 3;
    const first = await world.start(build, {
      ...reading,
      diesAt: (event) => event.type === 'batch.step' && event.step === 'acknowledged' && (left -= 1) === 0,
    });
    await first.readAll();
    first.die();
    await world.clock.advance(5_000);
    world.clock.jumpWall(-3_600_000);
    const second = await world.start(build, { ...reading, blockRecords: 1 });
    const jumps = world.clock.timer(2_500, () => world.clock.jumpWall(-3_600_000));
    await second.readAll();
    await world.clock.runUntil(second.running);
    jumps();
    second.die();
    expect(shown.counts).toEqual(once);
    const times = [...shown.times].toSorted(([a], [b]) => a - b).map(([, time]) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(new Set(times).size).toBe(times.length);
    // An interval for each batch, however far the clock is behind: not an hour, and not stuck.
    expect((times.at(-1) ?? 0) - (times[2] ?? 0)).toBeLessThan(20_000);
    expect(ended.slice(0, 2)).toEqual(['a0', 'a1']);
    expect(new Set(ended).size).toBe(ended.length);
  });
});
