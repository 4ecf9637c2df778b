import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeirRow, isForgotten, uniteEnded } from '../../../lib/engine/commit/ended-plan.ts';
import type { EndedShard, Manifest } from '../../../lib/engine/commit/manifest.ts';
import { formatPointer } from '../../../lib/engine/commit/pointer.ts';
import { standsAlone } from '../../../lib/engine/commit/stands-alone.ts';

const rangeOf = (from: number, to: number) => ({ startingHashKey: String(from), endingHashKey: String(to) });
const ended: EndedShard = { shardId: 'P', hashKeyRange: rangeOf(0, 99) };
const pointer = { batchId: 30, manifest: 'app/C/m', checksum: 'x', store: 's', lineage: 0 };
const alone = formatPointer({ ...pointer, standsAlone: true });
const heir = formatPointer(pointer);

/** A row of a child that stands alone. */
function row(shardId: string, from: number, to: number, more: Partial<HeirRow> = {}): HeirRow {
  const family = { parentShardIds: ['P'], childShardIds: [] };
  return { shardId, ...family, hashKeyRange: rangeOf(from, to), state: alone, isHeir: true, ...more };
}

const withoutState = ({ state: _, ...rest }: HeirRow): HeirRow => rest;

describe('what an ended shard left is needed by nobody', () => {
  const lower = row('L', 0, 49);
  const upper = row('U', 50, 99);
  const gone: readonly [string, readonly HeirRow[]][] = [
    ['when all its children stand alone', [lower, upper]],
    ['when the child of a merge does', [row('M', 0, 199, { parentShardIds: ['P', 'Q'] })]],
    [
      'when a child has ended and is deleted, and its children carry on, even unread',
      [
        lower,
        withoutState(row('UL', 50, 69, { parentShardIds: ['U'] })),
        withoutState(row('UU', 70, 99, { parentShardIds: ['U'] })),
      ],
    ],
    ['when all its children are deleted', [row('D', 0, 99, { parentShardIds: ['L', 'U'], state: heir })]],
  ];

  it.each(gone)('%s', (_, rows) => {
    expect(isForgotten(ended, rows)).toBe(true);
    // The order of a scan means nothing.
    expect(isForgotten(ended, rows.toReversed())).toBe(true);
  });

  const kept: readonly [string, readonly HeirRow[]][] = [
    ['while its own row is there, which a rewind may name', [row('P', 0, 99, { parentShardIds: [] }), lower, upper]],
    ['while a child has committed nothing', [lower, withoutState(upper)]],
    ['while a child can be taken back to before its first commit', [lower, row('U', 50, 99, { state: heir })]],
    [
      'while the state of a child is on its way to the other scope',
      [lower, row('U', 50, 99, { state: formatPointer({ ...pointer, standsAlone: true, movedTo: 'application' }) })],
    ],
    ['while the row of a child cannot be read', [lower, row('U', 50, 99, { state: 'by somebody else' })]],
    [
      'while the other parent of a merge can be taken back',
      [row('M', 0, 199, { parentShardIds: ['P', 'Q'] }), row('Q', 100, 199, { parentShardIds: [] })],
    ],
    ['while a part of it is carried on by no row', [lower, row('U', 60, 99)]],
    [
      'while only rows of shards that it comes from have a part of it, its own and that of a child deleted by hand',
      [
        lower,
        row('G', 0, 99, { parentShardIds: ['F'], childShardIds: ['P'] }),
        row('F', 0, 99, { parentShardIds: [], childShardIds: ['G'] }),
        // Of another line.
        row('S', 100, 199, { parentShardIds: ['F'] }),
      ],
    ],
    [
      'while only the row of a grandparent has a part of it, which names no children, made anew as it was',
      [
        lower,
        row('G', 0, 49, { parentShardIds: ['F'], childShardIds: ['P'] }),
        row('F', 0, 99, { parentShardIds: [], childShardIds: [] }),
      ],
    ],
    [
      'while its own row is there, made anew after those of its children were deleted',
      [row('P', 0, 99, { parentShardIds: [] }), row('D', 0, 99, { parentShardIds: ['L', 'U'] })],
    ],
    [
      'while only a row that carries nothing has a part of it',
      [lower, withoutState(row('UU', 50, 99, { parentShardIds: ['U'], isHeir: false }))],
    ],
    ['when no row is left', []],
  ];

  it.each(kept)('but not %s', (_, rows) => {
    expect(isForgotten(ended, rows)).toBe(false);
    expect(isForgotten(ended, rows.toReversed())).toBe(false);
  });

  it('as long as it was once: rows of later generations change nothing', () => {
    const bounds = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 6 });
    fc.assert(
      fc.property(bounds, fc.boolean(), (cuts, isRead) => {
        const starts = [0, ...cuts.toSorted((a, b) => a - b)];
        const rows = starts.map((start, index) => {
          const later = row(`g${index}`, start, (starts[index + 1] ?? 100) - 1, { parentShardIds: ['L'], state: heir });
          return isRead ? later : withoutState(later);
        });
        expect(isForgotten(ended, rows)).toBe(true);
        // Of each of them the state is nowhere else.
        for (const left of rows)
          expect(
            isForgotten(
              ended,
              rows.filter((one) => one !== left),
            ),
          ).toBe(false);
      }),
    );
  });
});

it('ended shards of several lists are each there once', () => {
  const other = { ...ended, shardId: 'Q' };
  expect(uniteEnded([ended], [other, ended], [])).toEqual([ended, other]);
});

describe('a group stands alone', () => {
  const version = (batchId: number, more: Partial<Manifest> = {}) =>
    ({
      application: 'app',
      group: 'C',
      scope: 'shard',
      batchId,
      batchTimeMillis: batchId,
      zeroTimeMillis: 0,
      fence: { kind: 'tenure', number: 1 },
      lineage: 0,
      shards: [],
      retained: 3,
      ...(batchId === 1 ? {} : { follows: { name: String(batchId - 1), checksum: 'x' } }),
      ...more,
    }) as Manifest;
  const versions = (from: number, through: number) =>
    Array.from({ length: through - from + 1 }, (_, index) => version(from + index));

  it.each([
    ['when its first version is out of reach', versions(2, 4), true],
    ['also by more versions than can be gone back to', versions(1, 4), true],
    ['but not while it is the oldest', versions(1, 3), false],
    ['nor before there is one', [], false],
    ['nor where not all within reach are known', versions(3, 4), false],
    [
      'nor where the last does not say how many are kept',
      [...versions(2, 3), { ...version(4), retained: undefined }],
      false,
    ],
    ['nor where the last says more than a program keeps now', [...versions(2, 3), version(4, { retained: 10 })], false],
    ['nor while one of them begins anew', [version(2), version(3, { beginsAnew: true }), version(4)], false],
  ])('%s', (_, known, is) => {
    expect(standsAlone(known as readonly Manifest[])).toBe(is);
  });
});
