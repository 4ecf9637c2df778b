/** What befalls a process: it kills itself, as kill -9 does, when this happens for the n-th time. */
export interface KillAt {
  /** The happening, as `kill-point.ts` knows it. */
  readonly point: string;
  readonly pass: number;
  /** With SIGSTOP it tells that it is `stopped`, and stands still until somebody lets it go on: SIGKILL. */
  readonly signal?: 'SIGKILL' | 'SIGSTOP';
}

/** What a counting process is told on its command line, as JSON. */
export interface StateWorkerSettings {
  readonly applicationName: string;
  readonly workerIdentifier: string;
  readonly streamName: string;
  readonly scope: 'shard' | 'application';
  readonly kinesisEndpoint: string;
  readonly dynamoDBEndpoint: string;
  /** Where state is kept. */
  readonly stateFolder: string;
  /** Where the sink that overwrites has a line for each batch that it was shown. */
  readonly shownFile: string;
  /** Where the sink of files by batch id writes. */
  readonly sinkFolder: string;
  readonly killAt?: KillAt;
  /** Whether to end when all records that there are now are counted. */
  readonly isBounded: boolean;
  readonly failoverTimeMillis: number;
  /** Committed versions that are kept: 2, so that there is garbage. */
  readonly retainedVersions?: number;
}

/** What the sink that overwrites is shown of a batch. */
export interface ShownLine {
  readonly group: string;
  readonly fence: number;
  readonly batchId: number;
  readonly counts: readonly (readonly [string, number])[];
}
