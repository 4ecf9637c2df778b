import { describe, expect, it } from 'vitest';
import { type AwsFaultKind, classifyAwsError, commonAwsError } from '../../lib/base/aws-fault.ts';

function serviceError(name: string, httpStatusCode: number, more: object = {}): Error {
  return Object.assign(new Error('said the service'), { name, $metadata: { httpStatusCode, ...more } });
}

describe('classifyAwsError', () => {
  const cases: readonly [string, unknown, AwsFaultKind][] = [
    ['throttling', serviceError('ProvisionedThroughputExceededException', 400), 'throttled'],
    ['a bare 429', serviceError('Unknown', 429), 'throttled'],
    ['a refused action', serviceError('AccessDeniedException', 400), 'denied'],
    ['an unknown key', serviceError('UnrecognizedClientException', 400), 'denied'],
    ['a bare 403', serviceError('Unknown', 403), 'denied'],
    ['throttling that comes as 403', serviceError('Throttling', 403), 'throttled'],
    ['a wrong signature', serviceError('InvalidSignatureException', 400), 'denied'],
    [
      'a wrong signature that corrected the clock',
      serviceError('InvalidSignatureException', 400, { clockSkewCorrected: true }),
      'transient',
    ],
    [
      'a refused action that corrected the clock',
      serviceError('AccessDeniedException', 400, { clockSkewCorrected: true }),
      'denied',
    ],
    [
      'a signature that was too old when it arrived',
      Object.assign(serviceError('InvalidSignatureException', 400), {
        message: 'Signature expired: 20260131T115000Z is now earlier than 20260131T115501Z (20260131T120001Z - 5 min.)',
      }),
      'transient',
    ],
    [
      'a credential that is too old',
      Object.assign(serviceError('ExpiredTokenException', 400), { message: 'The security token is expired' }),
      'denied',
    ],
    ['no credentials', serviceError('CredentialsProviderError', undefined as never), 'credentialsMissing'],
    ['a fault of the service', serviceError('InternalFailure', 500), 'transient'],
    ['a bare 503', serviceError('Unknown', 503), 'transient'],
    ['an answer that is not JSON', serviceError('SyntaxError', 200), 'transient'],
    ['a refused connection', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'unreachable'],
    ['an unknown host', Object.assign(new Error('dns'), { code: 'ENOTFOUND' }), 'unreachable'],
    ['a timeout', Object.assign(new Error('slow'), { name: 'TimeoutError' }), 'unreachable'],
    ['a reset inside a cause', new Error('outer', { cause: { code: 'ECONNRESET' } }), 'unreachable'],
    ['an abort', new DOMException('stop', 'AbortError'), 'aborted'],
    ['a missing resource', serviceError('ResourceNotFoundException', 400), 'notFound'],
    ['a resource in use', serviceError('ResourceInUseException', 400), 'inUse'],
    ['a refused condition', serviceError('ConditionalCheckFailedException', 400), 'conditionFailed'],
    ['an invalid request', serviceError('ValidationException', 400), 'other'],
    ['a name out of Object.prototype', serviceError('constructor', 400), 'other'],
    ['a text', 'what?', 'other'],
    ['nothing', undefined, 'other'],
  ];
  it.each(cases)('tells what %s is', (_title, thrown, kind) => {
    expect(classifyAwsError(thrown).kind).toBe(kind);
  });
});

describe('commonAwsError', () => {
  const call = { service: 'Kinesis', operation: 'GetRecords', subject: { stream: 'orders' } };

  it('never reports throttling as a permission fault', () => {
    const error = commonAwsError(classifyAwsError(serviceError('Throttling', 403)), call);
    expect(error?.code).toBe('MR_THROTTLED');
    expect(error?.reaction).toBe('retry');
  });

  it('names the call, the stream and the remedy of a denied call', () => {
    const error = commonAwsError(classifyAwsError(serviceError('AccessDeniedException', 400)), call);
    expect(error?.message).toBe(
      'MR_ACCESS_DENIED: Kinesis GetRecords for stream orders was denied ' +
        '(AccessDeniedException 400: said the service); allow the action for these credentials, or use others',
    );
  });

  it('leaves what only the caller can judge to the caller', () => {
    expect(commonAwsError(classifyAwsError(serviceError('ResourceNotFoundException', 400)), call)).toBeUndefined();
  });
});
