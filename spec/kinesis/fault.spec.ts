import { describe, expect, it } from 'vitest';
import { isMillraceError } from '../../lib/base/error.ts';
import { type KinesisFaultKind, isKinesisFault, toKinesisFault } from '../../lib/kinesis/fault.ts';
import { awsError, networkError } from '../../lib/testkit/aws-error.ts';

const call = { operation: 'GetShardIterator', stream: 'orders', shardId: 'shardId-000000000000' };

describe('toKinesisFault', () => {
  const cases: readonly [string, Error, KinesisFaultKind, string][] = [
    ['throttling', awsError('ProvisionedThroughputExceededException'), 'throttled', 'MR_THROTTLED'],
    ['a limit of ListShards', awsError('LimitExceededException'), 'throttled', 'MR_THROTTLED'],
    ['throttling of the key', awsError('KMSThrottlingException'), 'throttled', 'MR_THROTTLED'],
    ['an expired iterator', awsError('ExpiredIteratorException'), 'iteratorExpired', 'MR_INTERNAL'],
    ['an expired page token', awsError('ExpiredNextTokenException'), 'tokenExpired', 'MR_INTERNAL'],
    [
      'a missing stream',
      awsError('ResourceNotFoundException', 'Stream shard-log under account 1 not found.'),
      'streamNotFound',
      'MR_STREAM_NOT_FOUND',
    ],
    [
      'a missing shard',
      awsError(
        'ResourceNotFoundException',
        'Shard shardId-000000000000 in stream orders under account 1 does not exist',
      ),
      'shardGone',
      'MR_POSITION_TRIMMED',
    ],
    ['a stream that is DELETING', awsError('ResourceInUseException'), 'streamNotActive', 'MR_STREAM_NOT_ACTIVE'],
    ['a refused action', awsError('AccessDeniedException'), 'denied', 'MR_ACCESS_DENIED'],
    ['a disabled key', awsError('KMSDisabledException'), 'denied', 'MR_ACCESS_DENIED'],
    ['no credentials', awsError('CredentialsProviderError'), 'credentialsMissing', 'MR_CREDENTIALS_MISSING'],
    ['no answer', networkError('ETIMEDOUT'), 'unreachable', 'MR_ENDPOINT_UNREACHABLE'],
    ['a fault of the service', awsError('InternalFailure', 'x', 500), 'transient', 'MR_ENDPOINT_UNREACHABLE'],
    ['an argument', awsError('InvalidArgumentException'), 'invalid', 'MR_CONFIG_INVALID'],
    ['no region', new Error('Region is missing'), 'invalid', 'MR_CONFIG_INVALID'],
    ['an abort', new DOMException('x', 'AbortError'), 'aborted', 'MR_ABORTED'],
    ['anything else', new Error('what?'), 'fatal', 'MR_INTERNAL'],
  ];
  it.each(cases)('tells what %s is', (_title, thrown, kind, code) => {
    const fault = toKinesisFault(thrown, call);
    expect([fault.kind, fault.code]).toEqual([kind, code]);
    expect(fault.subject).toEqual({ stream: 'orders', shard: 'shardId-000000000000' });
    expect(fault.cause).toBe(thrown);
    expect(isMillraceError(fault)).toBe(true);
  });

  it('names the stream and the remedy of a missing stream', () => {
    const thrown = awsError('ResourceNotFoundException', 'Stream orders under account 1 not found.');
    expect(toKinesisFault(thrown, { operation: 'DescribeStreamSummary', stream: 'orders' }).message).toBe(
      'MR_STREAM_NOT_FOUND: stream orders does not exist (ResourceNotFoundException 400: ' +
        'Stream orders under account 1 not found.); create it, or check its name and the region',
    );
  });

  it('leaves a fault as it is', () => {
    const fault = toKinesisFault(new Error('x'), call);
    expect(toKinesisFault(fault, { operation: 'ListShards', stream: 'other' })).toBe(fault);
    expect(isKinesisFault(fault, 'fatal', 'denied')).toBe(true);
    expect(isKinesisFault(fault, 'denied')).toBe(false);
    expect(isKinesisFault(new Error('x'))).toBe(false);
  });
});
