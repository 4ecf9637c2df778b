import { MillraceError } from '../../base/error.ts';
import type { Partitions } from '../given.ts';
import type { PairKey } from '../key.ts';
import type { Persistence } from '../persistence.ts';
import { partitionHash } from '../state/partition-hash.ts';
import { PersistentMap } from '../state/persistent-map.ts';
import { restoreKey, storeKey } from '../state/stored-key.ts';
import { restoreValue, storeValue } from '../state/stored-value.ts';
import type { Counted } from './counted.ts';
import type { InverseMemory } from './inverse-step.ts';
import type { Pane, Panes } from './panes.ts';
import type { WindowMemory } from './window-step.ts';

/** How the content of a pane is written down, and whether it is divided by partition key when its shard is. */
interface Content<C> {
  readonly store: (content: C) => unknown;
  readonly restore: (stored: unknown) => C;
  /** Absent: all of it goes to the lower child. */
  readonly split?: (content: C, upperStart: bigint) => readonly [lower: C, upper: C];
}

type StoredPane = readonly [timeMillis: number, content: unknown];

/** A window of whole batches: what a shard had in its window goes to the lower child, and is put beside the other's at a merge. */
export const windowPersistence: Persistence<WindowMemory> = panesPersistence<Partitions>({
  store: (content) => content.map((partition) => partition.map(storeValue)),
  restore: (stored) => (stored as unknown[][]).map((partition) => partition.map(restoreValue)),
});

/**
 * A window with an inverse function: its panes alone are kept. The values of the next window are computed from them anew,
 * as they are from time to time anyway.
 */
export function inverseWindowPersistence(isPartial: boolean): Persistence<InverseMemory> {
  const panes = panesPersistence<ReadonlyMap<PairKey, Counted>>({
    store: (content) => Array.from(content, ([key, { value, count }]) => [storeKey(key), storeValue(value), count]),
    restore: (stored) =>
      new Map(
        (stored as [unknown, unknown, number][]).map(([key, value, count]) => [
          restoreKey(key),
          { value: restoreValue(value), count },
        ]),
      ),
    ...(isPartial ? {} : { split: splitByKey }),
  });
  return {
    snapshot: (memory) => panes.snapshot(memory.panes),
    changes: (before, after) => panes.changes(before.panes, after.panes),
    restore: (snapshot, changes) => fromPanes(panes.restore(snapshot, changes)),
    split: ({ panes: all }, upperStart) => {
      const [lower, upper] = panes.split(all, upperStart);
      return [fromPanes(lower), fromPanes(upper)];
    },
    merge: (lower, upper) => fromPanes(panes.merge(lower.panes, upper.panes)),
    retimed: (memory, timeOf) => fromPanes(retimed(memory.panes, timeOf)),
  };
}

function fromPanes(panes: InverseMemory['panes']): InverseMemory {
  return { values: PersistentMap.empty(), changes: new Map(), endMillis: undefined, panes };
}

function panesPersistence<C>({ store, restore, split }: Content<C>): Persistence<Panes<C>> {
  const storePane = ({ timeMillis, content }: Pane<C>): StoredPane => [timeMillis, store(content)];
  return {
    *snapshot(panes) {
      // One piece tells that there are none.
      if (panes.length === 0) yield { panes: [] };
      for (const pane of panes) yield { panes: [storePane(pane)] };
    },
    *changes(before, after) {
      const known = new Set(before);
      const added = after.filter((pane) => !known.has(pane)).map(storePane);
      if (added.length === 0 && after.length === before.length) return;
      // Panes leave in order of time, so the oldest that is left tells which have. One that was another group's may be of a
      // time to come, and stands before newer ones.
      const oldest = after.reduce((least, { timeMillis }) => Math.min(least, timeMillis), Number.POSITIVE_INFINITY);
      yield { panes: added, fromMillis: after.length === 0 ? null : oldest };
    },
    restore(snapshot, changes) {
      let panes: Pane<C>[] = [];
      for (const piece of [...snapshot, ...changes]) {
        const { panes: stored, fromMillis } = checkPiece(piece);
        if (fromMillis === null) panes = [];
        else if (fromMillis !== undefined) panes = panes.filter(({ timeMillis }) => timeMillis >= fromMillis);
        for (const [timeMillis, content] of stored) panes.push({ timeMillis, content: restore(content) });
      }
      return panes;
    },
    split(panes, upperStart) {
      if (split === undefined) return [panes, []];
      const parts = panes.map(({ timeMillis, content }) => {
        const [lower, upper] = split(content, upperStart);
        return [
          { timeMillis, content: lower },
          { timeMillis, content: upper },
        ] as const;
      });
      return [parts.map(([lower]) => lower), parts.map(([, upper]) => upper)];
    },
    merge: (lower, upper) => [...lower, ...upper].toSorted((a, b) => a.timeMillis - b.timeMillis),
    retimed,
  };
}

function retimed<C>(panes: Panes<C>, timeOf: (timeMillis: number) => number | undefined): Panes<C> {
  return panes.flatMap((pane) => {
    const timeMillis = timeOf(pane.timeMillis);
    return timeMillis === undefined ? [] : [{ ...pane, timeMillis }];
  });
}

function splitByKey(content: ReadonlyMap<PairKey, Counted>, upperStart: bigint) {
  const [lower, upper] = [new Map<PairKey, Counted>(), new Map<PairKey, Counted>()];
  for (const [key, counted] of content) {
    if (typeof key !== 'string') {
      throw new MillraceError('MR_STATE_INVALID', `a window by partition key holds a key that is a ${typeof key}`);
    }
    (partitionHash(key) < upperStart ? lower : upper).set(key, counted);
  }
  return [lower, upper] as const;
}

function checkPiece(piece: unknown): { readonly panes: readonly StoredPane[]; readonly fromMillis?: number | null } {
  const { panes } = (piece ?? {}) as { panes?: unknown };
  if (Array.isArray(panes)) return piece as { panes: StoredPane[]; fromMillis?: number | null };
  throw new MillraceError('MR_STATE_DAMAGED', 'a stored window holds a piece without panes');
}
