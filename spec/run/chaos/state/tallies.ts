import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DynamoDBClient, GetItemCommand, paginateScan } from '@aws-sdk/client-dynamodb';
import { systemRandom } from '../../../../lib/base/random.ts';
import { CommitPlace } from '../../../../lib/engine/commit/commit-place.ts';
import { EngineContext } from '../../../../lib/engine/context.ts';
import type { KeyedState } from '../../../../lib/engine/state/keyed-state.ts';
import { FileStore } from '../../../../lib/engine/store/file-store.ts';
import { fileState } from '../../../../lib/index.ts';
import { countByKey } from './counting.ts';
import type { ShownLine, StateWorkerSettings } from './worker-settings.ts';

/** How often each key was counted. */
export type Counts = ReadonlyMap<string, number>;

/** By how much counts are wrong, over all keys. */
export interface Difference {
  readonly missing: number;
  readonly repeated: number;
}

/** By how much counts differ from those of an undisturbed run. */
export function differenceOf(found: Counts, expected: Counts): Difference {
  let [missing, repeated] = [0, 0];
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const over = (found.get(key) ?? 0) - (expected.get(key) ?? 0);
    if (over < 0) missing -= over;
    else repeated += over;
  }
  return { missing, repeated };
}

/** What is committed of an application: read from its rows and its store, as a process would that starts now. */
export async function committedCounts(settings: StateWorkerSettings, client: DynamoDBClient): Promise<Counts> {
  const place = placeOf(settings);
  const counts = new Map<string, number>();
  for (const [group, pointer] of await pointersOf(settings, client)) {
    const log = await place.logOf(group, pointer, `the row of ${group}`, new AbortController().signal);
    for (const state of log.memory.values()) addAll(counts, entriesOf(state as KeyedState<string, number>));
  }
  return counts;
}

function* entriesOf(state: KeyedState<string, number>): Generator<readonly [string, number]> {
  for (const [key, { value }] of state.entries) yield [key, value];
}

function placeOf({ applicationName: application, scope, stateFolder }: StateWorkerSettings): CommitPlace {
  const context = new EngineContext({ batchIntervalMillis: 100, state: fileState(stateFolder) });
  countByKey(context.addInput('lines'), scope, { onRecord: () => {} }).print();
  const plan = context.seal();
  const codecs = new Map(plan.keepers.map((node) => [plan.stateKeys.get(node.id) as string, node.persistence]));
  return new CommitPlace({ store: new FileStore(stateFolder), application, scope, codecs, random: systemRandom });
}

/** The text of the last commit of each group whose state counts: that of an ended shard went to its children. */
async function pointersOf(
  { applicationName, scope }: StateWorkerSettings,
  client: DynamoDBClient,
): Promise<readonly (readonly [group: string, pointer: string])[]> {
  if (scope === 'application') {
    const key = { applicationName: { S: applicationName } };
    const { Item } = await client.send(
      new GetItemCommand({ TableName: `${applicationName}-Engine`, Key: key, ConsistentRead: true }),
    );
    return Item?.['pointer']?.S === undefined ? [] : [['application', Item['pointer'].S]];
  }
  const pointers: (readonly [string, string])[] = [];
  const pages = paginateScan({ client }, { TableName: applicationName, ConsistentRead: true });
  for await (const { Items = [] } of pages) {
    for (const { leaseKey, engineState, checkpoint } of Items) {
      if (checkpoint?.S === 'SHARD_END') continue;
      if (leaseKey?.S !== undefined && engineState?.S !== undefined) pointers.push([leaseKey.S, engineState.S]);
    }
  }
  return pointers;
}

/** What a sink shows that goes by (fence, batch id), of the groups that are open. */
export function shownCounts({ shownFile }: StateWorkerSettings, isOpen: (group: string) => boolean): Counts {
  const last = new Map<string, ShownLine>();
  for (const line of linesOf<ShownLine>(shownFile)) {
    const before = last.get(line.group);
    const isLate =
      before !== undefined &&
      (line.fence < before.fence || (line.fence === before.fence && line.batchId < before.batchId));
    if (!isLate) last.set(line.group, line);
  }
  const counts = new Map<string, number>();
  for (const { group, counts: shown } of last.values()) if (isOpen(group)) addAll(counts, shown);
  return counts;
}

/** What the files of all batches hold together. */
export function filedCounts({ sinkFolder, applicationName }: StateWorkerSettings): Counts {
  const folder = join(sinkFolder, applicationName);
  const counts = new Map<string, number>();
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  for (const name of names) {
    for (const { partitionKey } of linesOf<{ readonly partitionKey: string }>(join(folder, name))) {
      addAll(counts, [[partitionKey, 1]]);
    }
  }
  return counts;
}

function linesOf<T>(file: string): readonly T[] {
  if (!existsSync(file)) return [];
  const texts = readFileSync(file, 'utf8').split('\n');
  // A process that was killed may have left half a line.
  const whole = texts.slice(0, -1).filter((text) => text !== '');
  return whole.map((text) => JSON.parse(text) as T);
}

function addAll(counts: Map<string, number>, pairs: Iterable<readonly [string, number]>): void {
  for (const [key, count] of pairs) counts.set(key, (counts.get(key) ?? 0) + count);
}
