import type { PageState } from './page-state.ts';

/**
 * What has changed between two page states. The lists of things that live (`shards`, ...) tell the entries that are new, of
 * the others the fields that are different, and all keys only when the keys themselves have changed; the lists of the past
 * (`moves`, ...) tell what came in front. A part that has not changed is not there.
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
  /** New entries; of one that was there only the fields that are different, beside those that name it. */
  readonly put: readonly Fields[];
  /** All keys in order; absent where they are the ones of before. */
  readonly keys?: readonly string[];
}

/** The change of a list of the past: what came in front, and how long it is now. */
export interface PastChange {
  readonly front: readonly unknown[];
  readonly length: number;
}

/** An entry of a list, or some fields of it. */
type Fields = Readonly<Record<string, unknown>>;

type ValueName = 'application' | 'totals' | 'statistics' | 'counts';
type ListName = 'receivers' | 'shards' | 'leases' | 'commits' | 'alerts' | 'activeBatches' | 'activeStages';
type PastName = 'completedBatches' | 'completedStages' | 'moves';
type Entry<K extends ListName> = PageState[K][number];

const valueNames: readonly ValueName[] = ['application', 'totals', 'statistics', 'counts'];

/** The fields that name an entry. */
const namingFields: { readonly [K in ListName]: readonly (keyof Entry<K> & string)[] } = {
  receivers: ['receiverId'],
  shards: ['streamName', 'shardId'],
  leases: ['streamName', 'leaseKey'],
  commits: ['group'],
  alerts: ['alert', 'subject'],
  activeBatches: ['key'],
  activeStages: ['stageId'],
};

const listNames = Object.keys(namingFields) as readonly ListName[];

/** What names an entry of a list; the tables of the page use it too. */
export function keyOfEntry<K extends ListName>(list: K, entry: Entry<K>): string {
  return keyBy(namingFields[list], entry as unknown as Fields);
}

const pastNames: readonly PastName[] = ['completedBatches', 'completedStages', 'moves'];

/** The change from one page state to the next. */
export function changeBetween(before: PageState, after: PageState): PageChange {
  const values = Object.fromEntries(
    valueNames.filter((name) => !isSame(before[name], after[name])).map((name) => [name, after[name]]),
  );
  const lists = Object.fromEntries(
    listNames.flatMap((name) => {
      const change = listChange(fieldsOf(before[name]), fieldsOf(after[name]), namingFields[name]);
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
    next[name] = withListChange(fieldsOf(before[name]), listed, namingFields[name]);
  }
  for (const [name, { front, length }] of Object.entries(change.pasts ?? {}) as [PastName, PastChange][]) {
    next[name] = [...front, ...(before[name] as readonly unknown[])].slice(0, length);
  }
  return next as unknown as PageState;
}

/** Entries that nothing happened to are the same objects, in the same places: those are passed over without a look. */
function listChange(
  before: readonly Fields[],
  after: readonly Fields[],
  naming: readonly string[],
): ListChange | undefined {
  if (before === after) return undefined;
  const hasSameKeys =
    before.length === after.length && after.every((entry, at) => isNamedAs(before[at], entry, naming));
  const known = hasSameKeys ? undefined : byKey(before, naming);
  const put: Fields[] = [];
  for (const [at, entry] of after.entries()) {
    const old = known === undefined ? before[at] : known.get(keyBy(naming, entry));
    const difference = old === entry ? undefined : differenceOf(old, entry, naming);
    if (difference !== undefined) put.push(difference);
  }
  if (put.length === 0 && hasSameKeys) return undefined;
  return hasSameKeys ? { put } : { put, keys: after.map((entry) => keyBy(naming, entry)) };
}

function withListChange(before: readonly Fields[], change: ListChange, naming: readonly string[]): Fields[] {
  const put = byKey(change.put, naming);
  const changed = (key: string, entry: Fields | undefined) => {
    const fields = put.get(key);
    return entry === undefined || fields === undefined ? (fields ?? entry) : { ...entry, ...fields };
  };
  if (change.keys === undefined) return before.map((entry) => changed(keyBy(naming, entry), entry) ?? entry);
  const known = byKey(before, naming);
  return change.keys.flatMap((key) => {
    const entry = changed(key, known.get(key));
    return entry === undefined ? [] : [entry];
  });
}

/** The fields that are different, beside those that name the entry; `undefined` where all are the same. Entries of a list have the same fields. */
function differenceOf(before: Fields | undefined, after: Fields, naming: readonly string[]): Fields | undefined {
  if (before === undefined) return after;
  let difference: Record<string, unknown> | undefined;
  for (const name in after) {
    if (isSame(before[name], after[name])) continue;
    difference ??= Object.fromEntries(naming.map((field) => [field, after[field]]));
    difference[name] = after[name];
  }
  return difference;
}

function isNamedAs(before: Fields | undefined, after: Fields, naming: readonly string[]): boolean {
  return before === after || naming.every((field) => before?.[field] === after[field]);
}

function byKey(entries: readonly Fields[], naming: readonly string[]): ReadonlyMap<string, Fields> {
  return new Map(entries.map((entry) => [keyBy(naming, entry), entry]));
}

function keyBy(naming: readonly string[], entry: Fields): string {
  return naming.map((field) => String(entry[field])).join(' ');
}

function fieldsOf(entries: unknown): readonly Fields[] {
  return entries as readonly Fields[];
}

/** Entries of the past stay the objects that they are: the newest one of before tells where the new ones end. */
function pastChange(before: readonly unknown[], after: readonly unknown[]): PastChange | undefined {
  if (before === after) return undefined;
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
