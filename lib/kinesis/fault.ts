import {
  type AwsErrorParts,
  type AwsFault,
  classifyAwsError,
  commonAwsErrorParts,
  describeAwsFault,
} from '../base/aws-fault.ts';
import {
  type ErrorCode,
  type ErrorDetails,
  type ErrorSubject,
  MillraceError,
  type Reaction,
  isMillraceError,
} from '../base/error.ts';

/**
 * Why a call of Kinesis failed, in the words of the loops that react to it:
 *
 * - `throttled`: wait and repeat, never a permission fault
 * - `iteratorExpired`: open the shard again after the last received record
 * - `tokenExpired`: start the listing again
 * - `shardGone`: the stream has no such shard (any more)
 * - `consumerNotFound`: the stream consumer is not registered (any more)
 * - `consumerInUse`: it is being made or deleted, or another subscription of it reads the shard
 * - `streamNotFound`, `streamNotActive`: the stream is missing, or CREATING or DELETING
 * - `denied`, `credentialsMissing`: these credentials, or none
 * - `unreachable`: no answer; `transient`: the service's own fault. Either may have been applied
 * - `aborted`: the caller's signal
 * - `invalid`: Kinesis refused an argument, such as an iterator it does not know
 * - `fatal`: nothing of the above
 */
export type KinesisFaultKind =
  | 'throttled'
  | 'iteratorExpired'
  | 'tokenExpired'
  | 'shardGone'
  | 'consumerNotFound'
  | 'consumerInUse'
  | 'streamNotFound'
  | 'streamNotActive'
  | 'denied'
  | 'credentialsMissing'
  | 'unreachable'
  | 'transient'
  | 'aborted'
  | 'invalid'
  | 'fatal';

/** The error of a call of Kinesis: a {@link MillraceError} that also says its kind. */
export class KinesisFault extends MillraceError {
  readonly kind: KinesisFaultKind;

  constructor(kind: KinesisFaultKind, code: ErrorCode, message: string, details: ErrorDetails) {
    super(code, message, details);
    this.kind = kind;
  }
}

/** Whether a value is a {@link KinesisFault}, optionally of one of the kinds. */
export function isKinesisFault(value: unknown, ...kinds: readonly KinesisFaultKind[]): value is KinesisFault {
  if (!isMillraceError(value) || !('kind' in value)) return false;
  return kinds.length === 0 || kinds.includes(value.kind as KinesisFaultKind);
}

/** What was called, to name it in the error. */
export interface KinesisCall {
  /** `GetRecords`. */
  readonly operation: string;
  /** Name or ARN. */
  readonly stream: string;
  readonly shardId?: string;
}

/** Turns what a call threw into a {@link KinesisFault}; one that is a fault already stays as it is. */
export function toKinesisFault(thrown: unknown, call: KinesisCall): KinesisFault {
  if (isKinesisFault(thrown)) return thrown;
  const fault = withKeyFaults(classifyAwsError(thrown));
  const subject: ErrorSubject = {
    stream: call.stream,
    ...(call.shardId === undefined ? {} : { shard: call.shardId }),
  };
  const kind = kindOf(fault, call.operation);
  const common = commonAwsErrorParts(fault, { service: 'Kinesis', operation: call.operation, subject });
  const { code, message, details } = common ?? partsOf(kind, fault, call);
  return new KinesisFault(kind, code, message, { ...details, subject, cause: fault.cause });
}

/** Faults of the key that encrypts the stream: they need an administrator, as a refused action does. */
const keyFaults: ReadonlySet<string> = new Set([
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'KMSOptInRequired',
]);

function withKeyFaults(fault: AwsFault): AwsFault {
  return keyFaults.has(fault.name) ? { ...fault, kind: 'denied' } : fault;
}

function kindOf(fault: AwsFault, operation: string): KinesisFaultKind {
  switch (fault.kind) {
    case 'throttled':
    case 'denied':
    case 'credentialsMissing':
    case 'unreachable':
    case 'transient':
    case 'aborted':
      return fault.kind;
    case 'notFound':
      if (isOfFanOut(operation) && speaksOfConsumer(fault.message)) return 'consumerNotFound';
      return speaksOfShard(fault.message) ? 'shardGone' : 'streamNotFound';
    case 'inUse':
      return isOfFanOut(operation) ? 'consumerInUse' : 'streamNotActive';
    case 'conditionFailed':
      return 'fatal';
    case 'other':
      return isBadConfiguration(fault) ? 'invalid' : kindOfName(fault.name);
  }
}

/** Nothing was sent: the SDK found no region in its chain, or an endpoint that is no URL. */
function isBadConfiguration(fault: AwsFault): boolean {
  return fault.statusCode === undefined && /^(Region is missing|Invalid URL)/.test(fault.message);
}

function kindOfName(name: string): KinesisFaultKind {
  switch (name) {
    case 'ExpiredIteratorException':
      return 'iteratorExpired';
    case 'ExpiredNextTokenException':
      return 'tokenExpired';
    case 'InvalidArgumentException':
    case 'ValidationException':
    case 'SerializationException':
      return 'invalid';
    default:
      return 'fatal';
  }
}

/**
 * Kinesis has one exception for a missing stream ("Stream x under account y not found") and a missing shard ("Shard
 * x in stream y under account z does not exist"), so only the text tells them apart.
 */
function speaksOfShard(message: string): boolean {
  return /shard/i.test(message) && !/^\W*stream\b/i.test(message);
}

function isOfFanOut(operation: string): boolean {
  return operation === 'SubscribeToShard' || operation.endsWith('StreamConsumer');
}

/** "Consumer x, for stream y, not found", "ConsumerName x ..." and the like; the names in it may hold any word. */
function speaksOfConsumer(message: string): boolean {
  return /^\W*(stream ?)?consumer/i.test(message);
}

function partsOf(kind: KinesisFaultKind, fault: AwsFault, call: KinesisCall): AwsErrorParts {
  const said = describeAwsFault(fault);
  const shard = call.shardId ?? '(unknown)';
  switch (kind) {
    case 'streamNotFound':
      return parts(
        'MR_STREAM_NOT_FOUND',
        `stream ${call.stream} does not exist (${said}); create it, or check its name and the region`,
      );
    case 'streamNotActive':
      return parts(
        'MR_STREAM_NOT_ACTIVE',
        `stream ${call.stream} is not in a state that allows ${call.operation} (${said}); wait until it is ACTIVE`,
      );
    case 'shardGone':
      return parts(
        'MR_POSITION_TRIMMED',
        `shard ${shard} of stream ${call.stream} is gone (${said}); its records are past the stream's retention`,
      );
    case 'consumerNotFound':
      return parts(
        'MR_CONSUMER_NOT_FOUND',
        `the stream consumer is not registered with stream ${call.stream} (${said}); check consumerArn, or give consumerName instead`,
      );
    case 'consumerInUse':
      return parts(
        'MR_CONSUMER_IN_USE',
        `the stream consumer is not free for ${call.operation} on stream ${call.stream} (${said}); give each application a consumerName of its own`,
      );
    case 'iteratorExpired':
      return parts(
        'MR_INTERNAL',
        `the iterator of shard ${shard} of stream ${call.stream} expired (${said}); open the shard again`,
        'retry',
      );
    case 'tokenExpired':
      return parts('MR_INTERNAL', `the listing of stream ${call.stream} expired (${said}); start it again`, 'retry');
    case 'invalid':
      if (isBadConfiguration(fault)) {
        return parts(
          'MR_CONFIG_INVALID',
          `the Kinesis client cannot be used (${fault.message}); set region or AWS_REGION, and an endpoint that is a URL`,
        );
      }
      return parts(
        'MR_CONFIG_INVALID',
        `Kinesis refused a value given to ${call.operation} for stream ${call.stream} (${said}); correct it`,
      );
    default:
      return parts('MR_INTERNAL', `Kinesis ${call.operation} for stream ${call.stream} failed (${said})`);
  }
}

function parts(code: ErrorCode, message: string, reaction?: Reaction): AwsErrorParts {
  return { code, message, details: reaction === undefined ? {} : { reaction } };
}
