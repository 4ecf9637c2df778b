import { classifyAwsError, commonAwsError } from '../../base/aws-fault.ts';
import { systemClock } from '../../base/clock.ts';
import { MillraceError, messageOf } from '../../base/error.ts';
import { createAwsFanOut } from '../../kinesis/aws-fan-out.ts';
import { createKinesisInspection } from '../../kinesis/aws-inspection.ts';
import { AwsDynamo } from '../../lease/dynamo/aws-dynamo.ts';
import type { StreamIdentity } from '../../lease/plan/shard-sync-plan.ts';
import { createLeaseTable } from '../lease-table.ts';
import { type StreamOnlyOptions, openWithoutLeases } from '../without-leases.ts';
import type { Clients } from '../clients.ts';
import { type Check, type ProbeAnswer, check, endsArea, skipped } from './check.ts';
import { clockCheck, kinesisChecks } from './kinesis-checks.ts';
import { tableChecks } from './table-checks.ts';

/** What is examined. */
export interface DoctorOptions extends StreamOnlyOptions {
  /** Absent: the stream alone is looked at. */
  readonly applicationName?: string;
}

/**
 * Looks at everything that a consumer needs, one thing after the other: credentials and region, the stream and its limits,
 * each permission by the call itself, the clock, the lease table and its index. Changes nothing: writes are tried with a
 * condition that refuses them, and what would make or register something is not tried.
 * @throws MillraceError `MR_CONFIG_UNKNOWN` or `MR_CONFIG_INVALID` naming every option at fault; the signal's reason
 */
export async function* examine(options: DoctorOptions, signal: AbortSignal): AsyncGenerator<Check, void, undefined> {
  const { applicationName, ...given } = options;
  const { settings, clients, api, events } = openWithoutLeases(applicationName ?? 'millrace-doctor', given);
  try {
    const identity = await check('credentials', 'AWS credentials', signal, () => identityOf(clients));
    yield identity;
    if (endsArea(identity)) {
      yield skipped('stream', settings.streamName, 'nothing can be asked without credentials');
      return;
    }
    const { kinesis, subscriptions } = clients;
    const { streamName, streamArn } = settings;
    const stream = streamArn === undefined ? { streamName } : { streamArn };
    const inspection = createKinesisInspection(kinesis, stream);
    const fanOut = createAwsFanOut({
      client: kinesis,
      subscriptions,
      stream: streamArn ?? streamName,
      clock: systemClock,
      events,
    });
    let isReached = false;
    for await (const made of kinesisChecks({ settings, api, inspection, fanOut, signal })) {
      isReached ||= !endsArea(made) && made.result !== 'skipped';
      yield made;
    }
    yield clockCheck(systemClock.wallMillis() - api.serviceTimeMillis(), isReached);
    if (applicationName === undefined) {
      yield skipped('table', 'lease table', 'no application was named');
      return;
    }
    const described = isReached ? await api.describeStream(signal).catch(() => undefined) : undefined;
    const identityOfStream: StreamIdentity | undefined = described && {
      streamArn: described.streamArn,
      streamCreatedAtMillis: described.createdAtMillis,
    };
    const table = createLeaseTable(clients, settings, systemClock);
    const dynamo = new AwsDynamo(clients.dynamoDB, settings.tableName);
    yield* tableChecks({ dynamo, table, stream: identityOfStream, signal });
    if (settings.cloudWatch) {
      yield skipped('permission', 'cloudwatch:PutMetricData', 'not tried: it would publish');
    }
  } finally {
    clients.destroy();
  }
}

async function identityOf(clients: Clients): Promise<ProbeAnswer> {
  try {
    const { region, credentials } = await clients.dynamoDBIdentity();
    const { accessKeyId, expiration } = credentials;
    const until = expiration === undefined ? '' : `, until ${expiration.toISOString()}`;
    return { detail: `key ...${accessKeyId.slice(-4)} in ${region}${until}` };
  } catch (thrown) {
    const call = { service: 'AWS', operation: 'credentials' };
    const known = commonAwsError(classifyAwsError(thrown), call);
    throw known ?? new MillraceError('MR_CONFIG_INVALID', `${messageOf(thrown)}: give --region or set AWS_REGION`);
  }
}
