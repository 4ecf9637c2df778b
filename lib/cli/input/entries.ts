import type { PutEntry } from '../../app/produce.ts';
import { MillraceError } from '../../base/error.ts';
import { escapeControl } from '../../base/text.ts';
import type { LineGroup } from './input-lines.ts';

/** What becomes of a line. */
export interface EntryOptions {
  readonly input: 'text' | 'json';
  /** For every record, whatever its line says. */
  readonly partitionKey: string | undefined;
  readonly randomKey: () => string;
}

/** Entries that are put together at most: a few calls of PutRecords. */
const groupEntries = 2_000;
/** Kinesis' own limit of a record; a stream may allow less, and says so itself. */
const largestRecordBytes = 10 * 1024 * 1024;

/**
 * Makes entries of lines.
 * @throws MillraceError `MR_CONFIG_INVALID` naming the line that is none; what came before it has been passed on
 */
export async function* entriesOfLines(
  groups: AsyncIterable<LineGroup>,
  options: EntryOptions,
): AsyncGenerator<readonly PutEntry[], void, undefined> {
  let number = 0;
  for await (const lines of groups) {
    let entries: PutEntry[] = [];
    for (const line of lines) {
      number += 1;
      let entry: PutEntry | undefined;
      try {
        entry = entryOf(line, number, options);
      } catch (thrown) {
        if (entries.length > 0) yield entries;
        throw thrown;
      }
      if (entry !== undefined) entries.push(entry);
      if (entries.length === groupEntries) {
        yield entries;
        entries = [];
      }
    }
    if (entries.length > 0) yield entries;
  }
}

function entryOf(line: Buffer, number: number, { input, partitionKey, randomKey }: EntryOptions): PutEntry | undefined {
  if (input === 'text') return sized({ data: line, partitionKey: partitionKey ?? randomKey() }, number);
  if (line.toString().trim() === '') return undefined;
  const fields = fieldsOf(line, number);
  const { data, encoding = 'utf8', explicitHashKey } = fields;
  const key = partitionKey ?? fields['partitionKey'] ?? randomKey();
  if (typeof data !== 'string') throw wrong(number, 'has no data: give a text');
  if (encoding !== 'utf8' && encoding !== 'base64') {
    throw wrong(number, `has the encoding ${shown(encoding)}: give "utf8" or "base64"`);
  }
  const { length } = typeof key === 'string' ? Array.from(key) : [];
  if (typeof key !== 'string' || length < 1 || length > 256) {
    throw wrong(number, `has the partitionKey ${shown(key)}: give a text of 1 to 256 characters`);
  }
  if (explicitHashKey !== undefined && (typeof explicitHashKey !== 'string' || !/^\d{1,39}$/.test(explicitHashKey))) {
    throw wrong(number, `has the explicitHashKey ${shown(explicitHashKey)}: give a text of 1 to 39 digits`);
  }
  const entry = { data: Buffer.from(data, encoding), partitionKey: key };
  return sized(explicitHashKey === undefined ? entry : { ...entry, explicitHashKey }, number);
}

function fieldsOf(line: Buffer, number: number): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line.toString());
  } catch {
    throw wrong(number, `is no JSON, ${shown(line.toString())}: give an object, or leave out --input json`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrong(number, `is ${shown(value)}: give an object with data`);
  }
  return value as Record<string, unknown>;
}

function sized(entry: PutEntry, number: number): PutEntry {
  const bytes = entry.data.length + Buffer.byteLength(entry.partitionKey);
  if (bytes <= largestRecordBytes) return entry;
  throw wrong(number, `is a record of ${bytes} bytes: give at most ${largestRecordBytes}, the key included`);
}

/** Most characters of a value that a message repeats. */
const shownCharacters = 60;

function shown(value: unknown): string {
  const text = escapeControl(JSON.stringify(value) ?? String(value));
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}...`;
}

function wrong(number: number, what: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `line ${number} of the input ${what}; the lines before it are put`);
}
