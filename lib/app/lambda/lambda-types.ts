/** One record as AWS Lambda hands it to a function; the names and shapes are Lambda's. */
export interface LambdaKinesisRecord {
  eventSource: 'aws:kinesis';
  eventVersion: '1.0';
  /** `<shardId>:<sequenceNumber>`. */
  eventID: string;
  eventName: 'aws:kinesis:record';
  invokeIdentityArn: string;
  awsRegion: string;
  eventSourceARN: string;
  kinesis: {
    kinesisSchemaVersion: '1.0';
    partitionKey: string;
    /** Decimal digits. The user records of one aggregate share it. */
    sequenceNumber: string;
    /** Base64. */
    data: string;
    /** Seconds since 1970, with milliseconds behind the point. */
    approximateArrivalTimestamp: number;
  };
}

/** What Lambda adds to the event of a function with a tumbling window. */
export interface LambdaWindowFields {
  /** ISO 8601 in UTC; `end` is not part of the window. */
  window: { start: string; end: string };
  /** What the last invocation of this window returned as `state`; `{}` at first. */
  state: unknown;
  shardId: string;
  eventSourceARN: string;
  isFinalInvokeForWindow: boolean;
  isWindowTerminatedEarly: boolean;
}

/** The event of one invocation. */
export interface LambdaKinesisEvent extends Partial<LambdaWindowFields> {
  Records: LambdaKinesisRecord[];
}

/** The second argument of a Lambda handler. */
export interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  /** Another one for each invocation. */
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  /** Milliseconds until `functionTimeoutSeconds` is over; never below 0. */
  getRemainingTimeInMillis(): number;
  /** The three of Lambda's first runtime; the callback does the same. */
  done(error?: Error | string | null, result?: unknown): void;
  fail(error: Error | string): void;
  succeed(result?: unknown): void;
}

/** The third argument of a Lambda handler. */
export type LambdaCallback = (error?: Error | string | null, result?: unknown) => void;

/**
 * A Kinesis handler as Lambda runs it: async, or with a callback. A handler with fewer than three parameters that
 * returns no promise and has not called back by then is done.
 */
export type LambdaHandler = (event: LambdaKinesisEvent, context: LambdaContext, callback: LambdaCallback) => unknown;
