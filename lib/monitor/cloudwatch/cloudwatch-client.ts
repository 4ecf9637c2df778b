import type * as CloudWatch from '@aws-sdk/client-cloudwatch';
import { MillraceError } from '../../base/error.ts';
import { customUserAgent } from '../../base/user-agent.ts';
import type { Datum } from './datum.ts';

/** Most data of one PutMetricData. */
export const datumsPerCall = 1_000;

/** Where figures go: one call of PutMetricData, with at most 1,000 data. */
export interface MetricsSink {
  put(namespace: string, data: readonly Datum[], atMillis: number, signal: AbortSignal): Promise<void>;
  /** Closes its connections. */
  destroy(): void;
}

/** How CloudWatch is reached; what is absent comes from the SDK's own chain. */
export interface CloudWatchSinkOptions {
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly credentials?: CloudWatch.CloudWatchClientConfig['credentials'] | undefined;
}

/**
 * CloudWatch by its SDK, the optional package `@aws-sdk/client-cloudwatch`, which is loaded with the first call. Bodies are
 * compressed by gzip above 1 KiB. A call is not tried again: what failed goes with the next flush.
 * Permission: `cloudwatch:PutMetricData`.
 */
export class CloudWatchSink implements MetricsSink {
  readonly #options: CloudWatchSinkOptions;
  #loaded: Promise<{ readonly sdk: typeof CloudWatch; readonly client: CloudWatch.CloudWatchClient }> | undefined;
  #client: CloudWatch.CloudWatchClient | undefined;

  constructor(options: CloudWatchSinkOptions) {
    this.#options = options;
  }

  async put(namespace: string, data: readonly Datum[], atMillis: number, signal: AbortSignal): Promise<void> {
    const { sdk, client } = await (this.#loaded ??= this.#load());
    const Timestamp = new Date(atMillis);
    const MetricData = data.map(({ name, unit, dimensions, sum, minimum, maximum, count }) => ({
      MetricName: name,
      Unit: unit,
      Timestamp,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value: Value as string })),
      StatisticValues: { Sum: sum, Minimum: minimum, Maximum: maximum, SampleCount: count },
    }));
    const command = new sdk.PutMetricDataCommand({ Namespace: namespace, MetricData });
    await client.send(command, { abortSignal: signal });
  }

  destroy(): void {
    this.#client?.destroy();
  }

  async #load(): Promise<{ readonly sdk: typeof CloudWatch; readonly client: CloudWatch.CloudWatchClient }> {
    const { region, endpoint, credentials } = this.#options;
    let sdk: typeof CloudWatch;
    try {
      sdk = await import('@aws-sdk/client-cloudwatch');
    } catch (thrown) {
      throw new MillraceError(
        'MR_CONFIG_INVALID',
        'cloudWatch needs the package @aws-sdk/client-cloudwatch, which could not be loaded; npm install @aws-sdk/client-cloudwatch',
        { cause: thrown, subject: { option: 'cloudWatch' } },
      );
    }
    this.#client = new sdk.CloudWatchClient({
      maxAttempts: 1,
      customUserAgent,
      requestMinCompressionSizeBytes: 1_024,
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    });
    return { sdk, client: this.#client };
  }
}
