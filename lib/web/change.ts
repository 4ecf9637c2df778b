import type { PageState } from './page-state.ts';

/**
 * What has changed between two page states. The lists of things that live (`shards`, ...) tell the entries that are new or
 * different, and all keys only when the keys themselves have changed; the lists of the past (`moves`, ...) tell what came in
 * front. A part that has not changed is not there.
 */
export interface PageChange {
  readonly version: number;
  readonly takenAtMillis: number;
  readonly values?: Partial<Pick<PageState, ValueName>>;
  readonly lists?: Partial<Record<ListName, ListChange>>;
  readonly pasts?: Partial<Record<PastName, PastChange>>;
}

/** The change of a list of things that live. */
export interface ListChange {
  readonly put: readonly unknown[];
  /** All keys in order; absent where they are the ones of before. */
  readonly keys?: readonly string[];
}

/** The change of a list of the past: what came in front, and how long it is now. */
export interface PastChange {
  readonly front: readonly unknown[];
  readonly length: number;
}

type ValueName = 'application' | 'totals' | 'statistics' | 'counts';
type ListName = 'receivers' | 'shards' | 'leases' | 'commits' | 'alerts' | 'activeBatches' | 'activeStages';
type PastName = 'completedBatches' | 'completedStages' | 'moves';
type Entry<K extends ListName> = PageState[K][number];

const valueNames: readonly ValueName[] = ['application', 'totals', 'statistics', 'counts'];

const listKeys: { readonly [K in ListName]: (entry: Entry<K>) => string } = {
  receivers: ({ receiverId }) => `${receiverId}`,
  shards: ({ streamName, shardId }) => `${streamName} ${shardId}`,
  leases: ({ streamName, leaseKey }) => `${streamName} ${leaseKey}`,
  commits: ({ group }) => group,
  alerts: ({ alert, subject }) => `${alert} ${subject}`,
  activeBatches: ({ key }) => key,
  activeStages: ({ stageId }) => `${stageId}`,
};

/** What names an entry of a list; the tables of the page use it too. */
export function keyOfEntry<K extends ListName>(list: K, entry: Entry<K>): string {
  return listKeys[list](entry);
}

const pastNames: readonly PastName[] = ['completedBatches', 'completedStages', 'moves'];

/** The change from one page state to the next. */
export function changeBetween(before: PageState, after: PageState): PageChange {
  const values = Object.fromEntries(
    valueNames.filter((name) => !isSame(before[name], after[name])).map((name) => [name, after[name]]),
  );
  const lists = Object.fromEntries(
    (Object.keys(listKeys) as ListName[]).flatMap((name) => {
      const change = listChange(before[name], after[name], listKeys[name] as (entry: unknown) => string);
      return change === undefined ? [] : [[name, change]];
    }),
  );
  const pasts = Object.fromEntries(
    pastNames.flatMap((name) => {
      const change = pastChange(before[name], after[name]);
      return change === undefined ? [] : [[name, change]];
    }),
  );
  return {
    version: after.version,
    takenAtMillis: after.takenAtMillis,
    ...(isEmpty(values) ? {} : { values }),
    ...(isEmpty(lists) ? {} : { lists }),
    ...(isEmpty(pasts) ? {} : { pasts }),
  };
}

/** The state that a change leads to. Entries without a change stay the same objects, which spares the page work. */
export function withChange(before: PageState, change: PageChange): PageState {
  const next: Record<string, unknown> = {
    ...before,
    ...change.values,
    version: change.version,
    takenAtMillis: change.takenAtMillis,
  };
  for (const [name, listed] of Object.entries(change.lists ?? {}) as [ListName, ListChange][]) {
    next[name] = withListChange(before[name], listed, listKeys[name] as (entry: unknown) => string);
  }
  for (const [name, { front, length }] of Object.entries(change.pasts ?? {}) as [PastName, PastChange][]) {
    next[name] = [...front, ...(before[name] as readonly unknown[])].slice(0, length);
  }
  return next as unknown as PageState;
}

function listChange(
  before: readonly unknown[],
  after: readonly unknown[],
  keyOf: (entry: unknown) => string,
): ListChange | undefined {
  const known = new Map(before.map((entry) => [keyOf(entry), entry]));
  const put = after.filter((entry) => !isSame(known.get(keyOf(entry)), entry));
  const hasSameKeys =
    before.length === after.length && after.every((entry, index) => keyOf(entry) === keyOf(before[index]));
  if (put.length === 0 && hasSameKeys) return undefined;
  return hasSameKeys ? { put } : { put, keys: after.map(keyOf) };
}

function withListChange(before: readonly unknown[], change: ListChange, keyOf: (entry: unknown) => string): unknown[] {
  const put = new Map(change.put.map((entry) => [keyOf(entry), entry]));
  if (change.keys === undefined) return before.map((entry) => put.get(keyOf(entry)) ?? entry);
  const known = new Map(before.map((entry) => [keyOf(entry), entry]));
  return change.keys.flatMap((key) => {
    const entry = put.get(key) ?? known.get(key);
    return entry === undefined ? [] : [entry];
  });
}

/** Entries of the past stay the objects that they are: the newest one of before tells where the new ones end. */
function pastChange(before: readonly unknown[], after: readonly unknown[]): PastChange | undefined {
  const [newest] = before;
  const found = newest === undefined ? -1 : after.indexOf(newest);
  const news = found === -1 ? after.length : found;
  if (news === 0 && before.length === after.length) return undefined;
  return { front: after.slice(0, news), length: after.length };
}

/** Whether two values of plain data are the same; a thousand shards a second are compared, so nothing is written out for it. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => isSame(a[key as keyof typeof a], b[key as keyof typeof b]));
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}
