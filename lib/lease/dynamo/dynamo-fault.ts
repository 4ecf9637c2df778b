import { classifyAwsError, commonAwsError, describeAwsFault } from '../../base/aws-fault.ts';
import { MillraceError } from '../../base/error.ts';

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
