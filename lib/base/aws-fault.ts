import { type ErrorCode, type ErrorDetails, type ErrorSubject, MillraceError, messageOf } from './error.ts';

/**
 * What an error of an AWS client means for the caller, the same for every service:
 *
 * - `throttled`: the service asks to slow down; wait and repeat
 * - `denied`: it refuses these credentials or this action
 * - `credentialsMissing`: no credentials were found, so nothing was sent
 * - `unreachable`: no answer came (refused, unknown host, reset, timeout); the call may have been applied
 * - `transient`: the service failed by its own fault (5xx); the call may have been applied
 * - `aborted`: the caller's signal ended the call
 * - `notFound`, `inUse`: the resource is not there, or not in a state that allows the call
 * - `conditionFailed`: a conditional write was refused
 * - `other`: everything else, such as a request that the service finds invalid
 */
export type AwsFaultKind =
  | 'throttled'
  | 'denied'
  | 'credentialsMissing'
  | 'unreachable'
  | 'transient'
  | 'aborted'
  | 'notFound'
  | 'inUse'
  | 'conditionFailed'
  | 'other';

/** An error of an AWS client, classified. */
export interface AwsFault {
  readonly kind: AwsFaultKind;
  /** The service's name of the error, such as `ResourceNotFoundException`, or the client's. */
  readonly name: string;
  readonly message: string;
  /** The HTTP status, when an answer came. */
  readonly statusCode?: number;
  readonly requestId?: string;
  /** The system's code, such as `ECONNREFUSED`, when no answer came. */
  readonly systemCode?: string;
  /** What was thrown. */
  readonly cause: unknown;
}

const kindOfName: Readonly<Record<string, AwsFaultKind>> = {
  ...named('throttled', [
    'BandwidthLimitExceeded',
    'KMSThrottlingException',
    'LimitExceededException',
    'PriorRequestNotComplete',
    'ProvisionedThroughputExceededException',
    'RequestLimitExceeded',
    'RequestThrottled',
    'RequestThrottledException',
    'SlowDown',
    'ThrottledException',
    'Throttling',
    'ThrottlingException',
    'TooManyRequestsException',
  ]),
  ...named('denied', [
    'AccessDenied',
    'AccessDeniedException',
    'AuthFailure',
    'ExpiredToken',
    'ExpiredTokenException',
    'IncompleteSignature',
    'IncompleteSignatureException',
    'InvalidAccessKeyId',
    'InvalidClientTokenId',
    'InvalidSignatureException',
    'KMSAccessDeniedException',
    'MissingAuthenticationToken',
    'MissingAuthenticationTokenException',
    'NotAuthorized',
    'OptInRequired',
    'RequestExpired',
    'RequestInTheFuture',
    'RequestTimeTooSkewed',
    'SignatureDoesNotMatch',
    'UnauthorizedOperation',
    'UnrecognizedClientException',
  ]),
  ...named('credentialsMissing', ['CredentialsProviderError', 'TokenProviderError']),
  ...named('transient', [
    'InternalFailure',
    'InternalFailureException',
    'InternalServerError',
    'RequestTimeout',
    'RequestTimeoutException',
    'ServiceUnavailable',
    'ServiceUnavailableException',
    'TransactionConflictException',
    'TransactionInProgressException',
  ]),
  ...named('unreachable', ['TimeoutError']),
  ...named('aborted', ['AbortError']),
  ...named('notFound', ['ResourceNotFoundException']),
  ...named('inUse', ['ResourceInUseException']),
  ...named('conditionFailed', ['ConditionalCheckFailedException']),
};

/** Errors that a wrong clock causes. The SDK corrects its clock from such an answer, so that the next attempt succeeds. */
const clockErrors: ReadonlySet<string> = new Set([
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
]);

const networkCode =
  /^(ECONN\w+|ENOTFOUND|EAI_\w+|EPIPE|ETIMEDOUT|EHOST\w+|ENET\w+|EADDRNOTAVAIL|EPROTO|ERR_HTTP2_\w+|ERR_SSL_\w+|ERR_TLS_\w+|ERR_SOCKET_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+|HPE_\w+)$/;

/** How many causes deep a network error is looked for. */
const maxCauses = 5;

/** What is read of an error of an AWS client, none of it certain. */
interface AwsErrorShape {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly $fault?: unknown;
  readonly $metadata?: {
    readonly httpStatusCode?: unknown;
    readonly requestId?: unknown;
    readonly clockSkewCorrected?: unknown;
  };
}

/**
 * Tells what an error of an AWS client means, by its structure alone. The service's own name wins over the HTTP
 * status, since throttling comes as 400 and a refused signature as 400 or 403.
 */
export function classifyAwsError(thrown: unknown): AwsFault {
  const shape: AwsErrorShape = typeof thrown === 'object' && thrown !== null ? thrown : {};
  const name = typeof shape.name === 'string' ? shape.name : 'Error';
  const status = shape.$metadata?.httpStatusCode;
  const statusCode = typeof status === 'number' ? status : undefined;
  const requestId = shape.$metadata?.requestId;
  const systemCode = findNetworkCode(shape);
  return {
    kind: kindOf(name, shape, statusCode, systemCode),
    name,
    message: messageOf(thrown),
    ...(statusCode === undefined ? {} : { statusCode }),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(systemCode === undefined ? {} : { systemCode }),
    cause: thrown,
  };
}

function kindOf(
  name: string,
  shape: AwsErrorShape,
  statusCode: number | undefined,
  systemCode: string | undefined,
): AwsFaultKind {
  if (clockErrors.has(name) && (shape.$metadata?.clockSkewCorrected === true || isLate(shape))) return 'transient';
  const known = Object.hasOwn(kindOfName, name) ? kindOfName[name] : undefined;
  if (known !== undefined) return known;
  if (shape.code === 'ABORT_ERR') return 'aborted';
  if (statusCode === 429) return 'throttled';
  if (statusCode === 401 || statusCode === 403) return 'denied';
  if (statusCode !== undefined && statusCode >= 500) return 'transient';
  // Nobody could read the answer, neither Millrace's decoders nor the SDK's: cut short on its way, or not from the
  // service at all. The next one may be whole.
  if (name === 'UnreadableAnswer' || (statusCode !== undefined && name === 'SyntaxError')) return 'transient';
  // An answer came, so a network code further down is not why the call failed.
  if (statusCode !== undefined && statusCode >= 400) return 'other';
  if (systemCode !== undefined) return 'unreachable';
  return shape.$fault === 'server' ? 'transient' : 'other';
}

/**
 * A signature is good for five minutes. One that was sent later than that is nobody's fault, and the next one is new:
 *
 *   1. a request is signed; the process, or the machine, is stopped before it is sent
 *   2. six minutes later it goes on, and sends it: "Signature expired", by a clock that is right
 */
function isLate({ message }: AwsErrorShape): boolean {
  return typeof message === 'string' && /^Signature (expired|not yet current)\b/.test(message);
}

function findNetworkCode(shape: AwsErrorShape): string | undefined {
  let current: AwsErrorShape | undefined = shape;
  for (let depth = 0; depth < maxCauses && current !== undefined; depth += 1) {
    if (typeof current.code === 'string' && networkCode.test(current.code)) return current.code;
    current = typeof current.cause === 'object' && current.cause !== null ? current.cause : undefined;
  }
  return undefined;
}

function named(kind: AwsFaultKind, names: readonly string[]): Record<string, AwsFaultKind> {
  return Object.fromEntries(names.map((name) => [name, kind]));
}

/** What was called, for the message of an error. */
export interface AwsCall {
  /** `Kinesis`, `DynamoDB`. */
  readonly service: string;
  /** `GetRecords`. */
  readonly operation: string;
  readonly subject?: ErrorSubject;
}

/** What a {@link MillraceError} is made of. */
export interface AwsErrorParts {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/**
 * The error to show for a fault that means the same in every service: `MR_THROTTLED`, `MR_ACCESS_DENIED`,
 * `MR_CREDENTIALS_MISSING`, `MR_ENDPOINT_UNREACHABLE` (also for 5xx answers) or `MR_ABORTED`. `undefined` for the
 * kinds whose meaning only the caller knows: `notFound`, `inUse`, `conditionFailed`, `other`.
 */
export function commonAwsError(fault: AwsFault, call: AwsCall): MillraceError | undefined {
  const parts = commonAwsErrorParts(fault, call);
  return parts === undefined ? undefined : new MillraceError(parts.code, parts.message, parts.details);
}

/** The parts of {@link commonAwsError}, for a caller with an error class that says more. */
export function commonAwsErrorParts(fault: AwsFault, call: AwsCall): AwsErrorParts | undefined {
  const what = `${call.service} ${call.operation}${subjectText(call.subject)}`;
  const details: ErrorDetails = {
    cause: fault.cause,
    ...(call.subject === undefined ? {} : { subject: call.subject }),
  };
  const said = describeAwsFault(fault);
  switch (fault.kind) {
    case 'throttled':
      return { code: 'MR_THROTTLED', message: `${what} was throttled (${said}); repeat it more slowly`, details };
    case 'denied':
      return {
        code: 'MR_ACCESS_DENIED',
        message: `${what} was denied (${said}); allow the action for these credentials, or use others`,
        details,
      };
    case 'credentialsMissing':
      return {
        code: 'MR_CREDENTIALS_MISSING',
        message: `no credentials for ${what} (${said}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role`,
        details,
      };
    case 'unreachable':
      return {
        code: 'MR_ENDPOINT_UNREACHABLE',
        message: `${what} got no answer (${said}); check the region, the endpoint and the network`,
        details,
      };
    case 'transient':
      return {
        code: 'MR_ENDPOINT_UNREACHABLE',
        message: `${what} failed inside the service (${said}); try again later`,
        details: { ...details, reaction: 'retry' },
      };
    case 'aborted':
      return { code: 'MR_ABORTED', message: `${what} was aborted`, details };
    case 'notFound':
    case 'inUse':
    case 'conditionFailed':
    case 'other':
      return undefined;
  }
}

/** The fault in a few words: name, code or status, and what the service said. */
export function describeAwsFault(fault: AwsFault): string {
  const code = fault.systemCode ?? fault.statusCode;
  return `${fault.name}${code === undefined ? '' : ` ${code}`}: ${fault.message}`;
}

function subjectText(subject: ErrorSubject | undefined): string {
  const parts = Object.entries(subject ?? {}).map(([key, value]) => `${key} ${String(value)}`);
  return parts.length === 0 ? '' : ` for ${parts.join(', ')}`;
}
