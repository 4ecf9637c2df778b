import { MillraceError } from '../../base/error.ts';
import { isFields } from './filter-pattern.ts';

/**
 * How far an invocation came, by what it returned: the number of records before the first that it reports as failed, or
 * all. By Lambda's rules nothing, `null`, and an answer without or with an empty `batchItemFailures` are success.
 * @throws MillraceError `MR_LAMBDA_RESPONSE` when the answer names no record of the batch: all of it has failed then
 */
export function finishedOf(answer: unknown, sequenceNumbers: readonly string[]): number {
  const failures = isFields(answer) ? answer['batchItemFailures'] : undefined;
  if (failures === undefined || failures === null) return sequenceNumbers.length;
  if (!Array.isArray(failures)) {
    throw nonsense(`batchItemFailures is ${kindOf(failures)}, not an array`);
  }
  // The user records of one aggregate share a number: the first of them is where it begins.
  const places = new Map(sequenceNumbers.map((number, place) => [number, place] as const).toReversed());
  let first = sequenceNumbers.length;
  for (const failure of failures as readonly unknown[]) {
    const identifier = isFields(failure) ? failure['itemIdentifier'] : undefined;
    const place = typeof identifier === 'string' ? places.get(identifier) : undefined;
    if (place === undefined) throw nonsense(whatIsWrong(identifier));
    first = Math.min(first, place);
  }
  return first;
}

function whatIsWrong(identifier: unknown): string {
  if (identifier === '') return 'an itemIdentifier is empty';
  if (typeof identifier === 'string') return 'an itemIdentifier is no sequence number of the batch';
  return `an element has no itemIdentifier that is a text, but ${kindOf(identifier)}`;
}

function nonsense(what: string): MillraceError {
  return new MillraceError(
    'MR_LAMBDA_RESPONSE',
    `the function's answer makes no sense, so the whole batch counts as failed, as in Lambda: ${what}; ` +
      'return { batchItemFailures: [{ itemIdentifier: record.kinesis.sequenceNumber }] }, or nothing',
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return value === undefined ? 'nothing' : `a ${typeof value}`;
}
