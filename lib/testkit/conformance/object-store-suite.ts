import assert from 'node:assert/strict';
import { isMillraceError } from '../../base/error.ts';
import type { ObjectStore } from '../../engine/store/object-store.ts';
import type { ConformanceCase } from './case.ts';

/** Makes stores. Two that are opened one after the other see the same objects: a process and the one after it. */
export interface ObjectStoreBench {
  /** An empty place, with a way to open it once more as another process would. */
  createPlace(): Promise<{ open(): ObjectStore }>;
}

const never = new AbortController().signal;
const encoder = new TextEncoder();
const bytesOf = (text: string): Uint8Array => encoder.encode(text);
const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** What every implementation of `ObjectStore` must do, each case in a place of its own. */
export function objectStoreSuite(bench: ObjectStoreBench): readonly ConformanceCase[] {
  const on = (name: string, body: (open: () => ObjectStore) => Promise<void>): ConformanceCase => ({
    name,
    run: async () => {
      const place = await bench.createPlace();
      await body(() => place.open());
    },
  });
  return [
    on('gives back what was created, to the next process too', givesBack),
    on('never overwrites an object', neverOverwrites),
    on('lets one of many creators win, and all see its bytes', oneCreatorWins),
    on('has nothing of a name that was never created', missing),
    on('lists by prefix, whole names, across folders', listsByPrefix),
    on('lists nothing in an empty place', async (open) => assert.deepEqual(await open().list('a/', never), [])),
    on('lists more than one page', listsManyPages),
    on('removes, and removes what is not there', removes),
    on('creates again what was removed', createsAgain),
    on('keeps empty and large objects', keepsSizes),
    on('keeps its own copy of the bytes', ownsBytes),
    on('refuses names that some store could not keep', refusesNames),
    on('rejects with the reason of the signal', abortedCalls),
  ];
}

async function givesBack(open: () => ObjectStore): Promise<void> {
  const name = 'counts/shard-0@7/state-00000001-ab.json';
  assert.equal(await open().create(name, bytesOf('one\ntwo'), never), 'created');
  assert.equal(textOf(await open().read(name, never)), 'one\ntwo');
}

async function neverOverwrites(open: () => ObjectStore): Promise<void> {
  assert.equal(await open().create('a/x', bytesOf('first'), never), 'created');
  assert.equal(await open().create('a/x', bytesOf('second'), never), 'exists');
  assert.equal(textOf(await open().read('a/x', never)), 'first');
}

async function oneCreatorWins(open: () => ObjectStore): Promise<void> {
  const creators = Array.from({ length: 12 }, (_, index) => `writer ${index} `.repeat(1_000));
  const outcomes = await Promise.all(creators.map((text) => open().create('a/race', bytesOf(text), never)));
  assert.equal(outcomes.filter((outcome) => outcome === 'created').length, 1);
  const winner = creators[outcomes.indexOf('created')];
  assert.equal(textOf(await open().read('a/race', never)), winner);
}

async function missing(open: () => ObjectStore): Promise<void> {
  await open().create('a/b', bytesOf('x'), never);
  assert.equal(await open().read('a/c', never), undefined);
  assert.equal(await open().read('z/c', never), undefined);
}

async function listsByPrefix(open: () => ObjectStore): Promise<void> {
  const store = open();
  const names = ['app/g1/m-1', 'app/g1/m-2', 'app/g1/s-1', 'app/g10/m-1', 'app/g2/deep/er/m-1', 'other/m-1'];
  for (const name of names) await store.create(name, bytesOf(name), never);
  const listed = async (prefix: string) => Array.from(await open().list(prefix, never)).toSorted();
  assert.deepEqual(await listed('app/g1/m-'), ['app/g1/m-1', 'app/g1/m-2']);
  assert.deepEqual(await listed('app/g1'), ['app/g1/m-1', 'app/g1/m-2', 'app/g1/s-1', 'app/g10/m-1']);
  assert.deepEqual(await listed('app/g2/'), ['app/g2/deep/er/m-1']);
  assert.deepEqual(await listed(''), names.toSorted());
  assert.deepEqual(await listed('nobody/'), []);
}

async function listsManyPages(open: () => ObjectStore): Promise<void> {
  const store = open();
  const names = Array.from({ length: 1_050 }, (_, index) => `many/${index}`);
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
      await store.create(name, bytesOf(''), never);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  assert.deepEqual(Array.from(await store.list('many/', never)).toSorted(), names.toSorted());
}

async function removes(open: () => ObjectStore): Promise<void> {
  await open().create('a/x', bytesOf('x'), never);
  await open().remove('a/x', never);
  await open().remove('a/x', never);
  await open().remove('b/y', never);
  assert.equal(await open().read('a/x', never), undefined);
  assert.deepEqual(await open().list('a/', never), []);
}

async function createsAgain(open: () => ObjectStore): Promise<void> {
  await open().create('a/x', bytesOf('first'), never);
  await open().remove('a/x', never);
  assert.equal(await open().create('a/x', bytesOf('second'), never), 'created');
  assert.equal(textOf(await open().read('a/x', never)), 'second');
}

async function keepsSizes(open: () => ObjectStore): Promise<void> {
  await open().create('a/empty', new Uint8Array(0), never);
  assert.equal((await open().read('a/empty', never))?.byteLength, 0);
  const large = new Uint8Array(6 * 1024 * 1024).map((_, index) => (index * 31) % 251);
  await open().create('a/large', large, never);
  const read = await open().read('a/large', never);
  assert.ok(read !== undefined && Buffer.compare(read, large) === 0, 'the large object came back changed');
}

async function ownsBytes(open: () => ObjectStore): Promise<void> {
  const store = open();
  const given = bytesOf('mine');
  await store.create('a/x', given, never);
  given.fill(0);
  const read = await store.read('a/x', never);
  assert.equal(textOf(read), 'mine');
  read?.fill(0);
  assert.equal(textOf(await store.read('a/x', never)), 'mine');
}

async function refusesNames(open: () => ObjectStore): Promise<void> {
  const bad = ['', '/a', 'a//b', 'a/', '..', 'a/../b', '.hidden', 'a b', 'a\\b', 'a:b', 'ä', 'x'.repeat(221)];
  for (const name of bad) {
    await assert.rejects(open().create(name, bytesOf('x'), never), (thrown) => isMillraceError(thrown, 'MR_INTERNAL'));
  }
}

async function abortedCalls(open: () => ObjectStore): Promise<void> {
  const store = open();
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await assert.rejects(store.create('a/x', bytesOf('x'), signal), reason);
  await assert.rejects(store.read('a/x', signal), reason);
  await assert.rejects(store.list('a/', signal), reason);
  await assert.rejects(store.remove('a/x', signal), reason);
  assert.equal(await store.read('a/x', never), undefined);
}
