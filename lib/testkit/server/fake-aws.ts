import type { CallCounts } from './counters.ts';
import type { FakeFault } from './faults.ts';
import type { BulkStreamFigures, BulkStreamOptions } from './kinesis/bulk-stream.ts';

/** What a fake AWS has done so far. */
export interface FakeAwsStats extends CallCounts {
  /** Connections accepted; those of HTTP/2 carry many calls each. */
  readonly connections: { readonly http1: number; readonly http2: number };
  /** Capacity units by table, as DynamoDB bills them on demand. */
  readonly tables: Readonly<Record<string, { readonly read: number; readonly write: number }>>;
  /** Of the process that serves, which is the caller's own unless it was started as a child. */
  readonly process: {
    readonly pid: number;
    readonly cpuMicros: number;
    readonly residentBytes: number;
  };
}

/**
 * Kinesis and DynamoDB on 127.0.0.1, behind one endpoint each for plain and encrypted connections. Signatures are not
 * checked; calls without any are refused. What it does not have it refuses with the name of it.
 */
export interface FakeAws extends AsyncDisposable {
  /** `http://127.0.0.1:port`, over HTTP/1.1, and over HTTP/2 with prior knowledge. */
  readonly endpoint: string;
  /** `https://127.0.0.1:port`, over HTTP/2 and HTTP/1.1. */
  readonly tlsEndpoint: string;
  /** The certificate that a client of `tlsEndpoint` must trust, as PEM. */
  readonly ca: string;
  /** Lets calls go wrong from now on. */
  inject(fault: FakeFault): Promise<void>;
  /** Forgets all faults. */
  clearFaults(): Promise<void>;
  /** Creates a stream whose records are prepared once and served again and again, at next to no cost. */
  createBulkStream(options: BulkStreamOptions): Promise<BulkStreamFigures>;
  stats(): Promise<FakeAwsStats>;
  /** Stops serving and cuts all connections; idempotent. */
  stop(): Promise<void>;
}

/** A call of {@link FakeAws} as plain data, for another process. */
export type FakeAwsCommand =
  | { readonly kind: 'inject'; readonly fault: FakeFault }
  | { readonly kind: 'clearFaults' }
  | { readonly kind: 'createBulkStream'; readonly options: BulkStreamOptions }
  | { readonly kind: 'stats' };
