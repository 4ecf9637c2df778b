import { describe, expect, it } from 'vitest';
import { positionOf } from '../../../lib/base/position.ts';
import { readPlan } from '../../../lib/engine/commit/batch-plan.ts';
import { manifestSchema } from '../../../lib/engine/commit/manifest-schema.ts';
import { type Manifest, linesOf, readManifest } from '../../../lib/engine/commit/manifest.ts';
import { seal } from '../../../lib/engine/store/sealed.ts';

const place = { location: 'memory:state', name: 'm', application: 'counts' };

/** Every field that a manifest can have. */
const manifest: Manifest = {
  application: 'counts',
  group: 'g',
  scope: 'application',
  batchId: 12,
  batchTimeMillis: 24_000,
  zeroTimeMillis: 0,
  fence: { kind: 'epoch', number: 7 },
  lineage: 0,
  shards: [
    {
      shardId: 'a',
      streamName: 'lines',
      position: positionOf(1n << 180n, 3),
      initialTimestampMillis: 0.5,
      gap: { after: positionOf(5n), batchId: 3, batchTimeMillis: 6_000 },
    },
  ],
  state: {
    own: 'snapshot',
    chain: [{ name: 'n', checksum: 'c' }],
    operators: ['sums', 'constructor'],
    versions: { sums: 2, constructor: 3, prototype: 4 },
  },
  watermarkMillis: -0.5,
  retained: 10,
  follows: { name: 'n', checksum: 'c' },
  inherits: [
    { group: 'h', pointer: '{}', hashKeyRange: { startingHashKey: '0', endingHashKey: '9' } },
    { group: 'i', pointer: '{}', part: { startingHashKey: '0', endingHashKey: '4' } },
  ],
  stateTimes: { batchTimeMillis: 22_000, zeroTimeMillis: 0 },
  beginsAnew: true,
  voided: [{ from: 3, through: 4 }],
};
const [written = ''] = linesOf(manifest);
/** A place in the object of a manifest, as keys from its root. */
type Place = readonly (string | number)[];

/** The manifest, with the value at a place replaced by a text of JSON; `undefined` takes it away. */
function damaged(at: Place, text: string | undefined): string {
  const mark = '"the value at the place"';
  const line = JSON.stringify(changed(JSON.parse(written), at, text === undefined ? undefined : JSON.parse(mark)));
  return line.replace(mark, text ?? '');
}

function changed(node: unknown, [key, ...rest]: Place, value: unknown): unknown {
  if (key === undefined) return value;
  const copy: Record<string | number, unknown> = Object.assign(Array.isArray(node) ? [] : {}, node);
  return Object.assign(copy, { [key]: changed(copy[key], rest, value) });
}

function read(line: string) {
  const { bytes, checksum } = seal('manifest', [line]);
  return readManifest(bytes, { ...place, checksum }).manifest;
}

describe('a manifest', () => {
  it('comes back with every field', () => {
    expect(read(written)).toStrictEqual(manifest);
  });

  it('leaves out what a later minor version has in addition', () => {
    const more = { ...(JSON.parse(written) as object), color: 'red', constructor: 1 };
    expect(read(JSON.stringify(changed(more, ['shards', 0, 'color'], 'red')))).toStrictEqual(manifest);
  });

  const counts: readonly Place[] = [
    ['batchId'],
    ['batchTimeMillis'],
    ['zeroTimeMillis'],
    ['lineage'],
    ['retained'],
    ['shards', 0, 'gap', 'batchId'],
    ['state', 'versions', 'sums'],
    ['state', 'versions', 'constructor'],
    ['stateTimes', 'zeroTimeMillis'],
    ['voided', 0, 'through'],
  ];
  const numbers: readonly Place[] = [['watermarkMillis'], ['shards', 0, 'initialTimestampMillis']];
  const refusedNumbers = ['1e999', '-1e999', '"1"', 'null', 'true', '[1]', '{}'];

  it.each([
    ...counts.map((at) => ({ at, texts: ['-1', '0.5', '9007199254740992', ...refusedNumbers] })),
    ...numbers.map((at) => ({ at, texts: refusedNumbers })),
    { at: ['application'], texts: [undefined, '1', 'null', '["counts"]'] },
    { at: ['scope'], texts: [undefined, '"Shard"', '""', '0', 'null'] },
    { at: ['fence'], texts: [undefined, '"x7"', '"t"', '7', 'null'] },
    { at: ['shards'], texts: [undefined, '3', '{}', 'null', '[null]', '[[]]'] },
    { at: ['shards', 0, 'shardId'], texts: [undefined, '1', 'null'] },
    { at: ['shards', 0, 'position'], texts: [undefined, '"nowhere"', '"5"', '""', '5', 'null'] },
    { at: ['shards', 0, 'gap'], texts: ['null', '{}', '[]', '"5:0"'] },
    { at: ['state'], texts: ['null', '{}', '[]'] },
    { at: ['state', 'own'], texts: [undefined, '"whole"', 'null'] },
    { at: ['state', 'chain'], texts: [undefined, '{}', '["n"]', '[{"name":"n"}]'] },
    { at: ['state', 'operators'], texts: [undefined, '"sums"', '[1]'] },
    { at: ['state', 'versions'], texts: ['null', '[1]', '"sums"', '{"sums":"2"}'] },
    { at: ['follows'], texts: ['null', '{"name":"n"}'] },
    { at: ['inherits', 0, 'part'], texts: ['null', '{}', '{"startingHashKey":0,"endingHashKey":"9"}'] },
    { at: ['beginsAnew'], texts: ['false', '1', '"true"', 'null'] },
    { at: [], texts: ['7', '[]', 'null', '{}', '"counts"'] },
  ])('is damaged by another value at $at', ({ at, texts }) => {
    for (const text of texts) {
      expect(() => read(damaged(at, text)), `${text}`).toThrow(/MR_STATE_DAMAGED.*m is no manifest: ./);
    }
  });

  it.each(counts)('takes 0 and the largest integer at %s', (...at) => {
    for (const text of ['0', '9007199254740991']) expect(() => read(damaged(at, text))).not.toThrow();
  });

  it.each([
    'shards.0.gap',
    'shards.0.initialTimestampMillis',
    'state',
    'state.versions',
    'watermarkMillis',
    'beginsAnew',
  ])('lacks %s or has a value of it, never undefined', (path) => {
    const at = path.split('.').map((key) => (key === '0' ? 0 : key));
    const { issues } = manifestSchema['~standard'].validate(changed(JSON.parse(written), at, undefined)) as {
      readonly issues?: readonly unknown[];
    };
    expect(issues).toHaveLength(1);
    expect(() => read(damaged(at, undefined))).not.toThrow();
  });

  it('tells which text is no fence or no position', () => {
    expect(() => read(damaged(['fence'], '"x7"'))).toThrow('m is no manifest: "x7" is no fence');
    expect(() => read(damaged(['shards', 0, 'position'], '"5"'))).toThrow('m is no manifest: "5" is no position');
  });
});

describe('a plan', () => {
  const head = {
    application: 'counts',
    group: 'g',
    batchId: 4,
    batchTimeMillis: 8,
    fence: 'e1',
    lineage: 0,
    ranges: 1,
  };
  const range = ['lines', 'a', '5:0', 'SHARD_END'];
  const readWith = (first: unknown, line: unknown) => {
    const { bytes, checksum } = seal('plan', [JSON.stringify(first), JSON.stringify(line)]);
    return readPlan(bytes, { ...place, checksum });
  };

  it('leaves out what a later minor version has in its head in addition', () => {
    expect(readWith({ ...head, color: 'red' }, range)).toStrictEqual(readWith(head, range));
  });

  it('is damaged by a head that is none', () => {
    const { group: _group, ...without } = head;
    for (const first of [
      { ...head, batchId: 2 ** 53 },
      { ...head, lineage: null },
      { ...head, fence: 'x' },
      without,
      [],
    ]) {
      expect(() => readWith(first, range)).toThrow(/MR_STATE_DAMAGED.*m is no plan of a batch: ./);
    }
  });

  it('is damaged by a line that is no range', () => {
    for (const line of [
      range.slice(1),
      [...range, 'more'],
      Object.fromEntries(range.entries()),
      ['lines', 1, '5:0', '6:0'],
      null,
    ]) {
      expect(() => readWith(head, line)).toThrow(/MR_STATE_DAMAGED.*m is no plan of a batch: ./);
    }
  });
});
