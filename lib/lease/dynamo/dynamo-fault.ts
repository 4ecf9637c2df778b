import { classifyAwsError, commonAwsError, describeAwsFault } from '../../base/aws-fault.ts';
import { MillraceError, messageOf } from '../../base/error.ts';

/**
 * Turns what a DynamoDB call threw into a MillraceError that tells a loop what to do. When the caller's signal ended
 * the call, its own reason comes back, so that a deadline reads as the deadline it was.
 */
export function dynamoFault(thrown: unknown, tableName: string, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const fault = classifyAwsError(thrown);
  const subject = { table: tableName };
  const common = commonAwsError(fault, { service: 'DynamoDB', operation: 'call', subject });
  if (common !== undefined) return common;
  if (fault.kind === 'notFound') {
    return new MillraceError(
      'MR_TABLE_FOREIGN',
      `table ${tableName} is gone (${describeAwsFault(fault)}); it was deleted while in use: start again to make it anew`,
      { subject, cause: thrown },
    );
  }
  return new MillraceError(
    'MR_INTERNAL',
    `DynamoDB refused a call on table ${tableName} (${describeAwsFault(fault)})`,
    {
      subject,
      cause: thrown,
    },
  );
}

/** What cancels a transaction and may be gone at the next try. */
const passing = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/** The error for a transaction that DynamoDB cancelled for these reasons, none of which is a refused condition. */
export function transactionFault(
  thrown: unknown,
  { tableName, codes }: { readonly tableName: string; readonly codes: readonly string[] },
): MillraceError {
  const causes = [...new Set(codes.filter((code) => code !== 'None'))];
  const passes = causes.length > 0 && causes.every((code) => passing.has(code));
  return new MillraceError(
    passes ? 'MR_THROTTLED' : 'MR_INTERNAL',
    `DynamoDB cancelled a transaction on table ${tableName} (${causes.join(', ')}: ${messageOf(thrown)})`,
    { subject: { table: tableName }, cause: thrown },
  );
}
