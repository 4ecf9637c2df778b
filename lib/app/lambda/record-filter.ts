import { isUtf8 } from 'node:buffer';
import { MillraceError, messageOf } from '../../base/error.ts';
import type { KinesisRecord } from '../../block/record.ts';
import { compilePattern, isFields } from './filter-pattern.ts';
import type { Matches } from './filter-rule.ts';

/** Whether a record goes to the function. */
export type RecordFilter = (record: KinesisRecord) => boolean;

/** As many as Lambda allows. */
const mostFilters = 10;

/**
 * Compiles `filterCriteria`: a record passes when one of the filters matches. A pattern speaks of `data`, `partitionKey`,
 * `sequenceNumber` and `approximateArrivalTimestamp`; under `data` it is an object, for records that hold a JSON object,
 * or an array of rules, for those that hold plain text. Data of the other kind, and of bytes that are no UTF-8, do not
 * match it.
 * @throws MillraceError `MR_CONFIG_INVALID` that names the filter and the field at fault
 */
export function compileFilters(criteria: { readonly filters: readonly { readonly pattern: unknown }[] }): RecordFilter {
  const filters: unknown = criteria.filters;
  if (!Array.isArray(filters) || filters.length === 0 || filters.length > mostFilters) {
    throw invalid(`filters is no array of 1 to ${mostFilters} filters, each { pattern }`);
  }
  const patterns = filters.map((filter: unknown, index) => compileFilter(filter, index));
  return (record) => patterns.some((matches) => matches(record));
}

function compileFilter(filter: unknown, index: number): RecordFilter {
  const pattern = isFields(filter) ? filter['pattern'] : undefined;
  try {
    const fields: unknown = typeof pattern === 'string' ? JSON.parse(pattern) : pattern;
    if (!isFields(fields)) throw new Error('the pattern is no object');
    const { data, ...others } = fields;
    const matchesOthers = Object.keys(others).length === 0 ? () => true : compilePattern(others);
    const matchesData = data === undefined ? () => true : compileData(data);
    return (record) => matchesOthers(metadataOf(record)) && matchesData(record);
  } catch (thrown) {
    throw invalid(`filter ${index}: ${messageOf(thrown)}`);
  }
}

function compileData(data: unknown): RecordFilter {
  const matches: Matches = compilePattern(data, ['data']);
  const wantsJson = !Array.isArray(data);
  return (record) => {
    if (!isUtf8(record.data)) return false;
    const text = record.text();
    const json = jsonObjectOf(text);
    if (wantsJson) return json !== undefined && matches(json);
    return json === undefined && matches(text);
  };
}

function jsonObjectOf(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

function metadataOf(record: KinesisRecord): Readonly<Record<string, unknown>> {
  const { partitionKey, sequenceNumber, arrivalTimeMillis } = record;
  return {
    kinesisSchemaVersion: '1.0',
    partitionKey,
    sequenceNumber,
    approximateArrivalTimestamp: arrivalTimeMillis / 1_000,
  };
}

function invalid(what: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `fromLambda: filterCriteria: ${what}; see docs/lambda.md`, {
    subject: { option: 'filterCriteria' },
  });
}
