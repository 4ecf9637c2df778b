import { type Clock, sleep } from '../base/clock.ts';
import { MillraceError } from '../base/error.ts';
import type { Random } from '../base/random.ts';
import { retryWhilePassing, unreachableTimeoutMillis } from '../base/retry.ts';
import type { EventSink } from '../event/bus.ts';
import type { KinesisApi, ShardFilter, StreamDescription } from '../kinesis/kinesis-api.ts';
import type { InitialPosition } from '../lease/plan/shard-sync-plan.ts';

/** How often a stream that is being created is asked whether it is active. */
const activePollMillis = 1_000;

/**
 * Describes the stream once it can be read: ACTIVE or UPDATING. Waits 30 s for a stream that is being created.
 * @throws MillraceError `MR_STREAM_NOT_FOUND`; `MR_STREAM_NOT_ACTIVE` for a stream that is DELETING or still CREATING;
 * `MR_ENDPOINT_UNREACHABLE` after 30 s
 */
export async function openStream(
  api: KinesisApi,
  ports: { readonly clock: Clock; readonly random: Random; readonly events: EventSink },
  signal: AbortSignal,
): Promise<StreamDescription> {
  const { clock, random, events } = ports;
  const deadline = clock.monotonicMillis() + unreachableTimeoutMillis;
  for (;;) {
    const description = await retryWhilePassing(() => api.describeStream(signal), {
      clock,
      random,
      signal,
      onFault: ({ code, message, subject }) => events.publish({ type: 'fault.seen', code, message, subject }),
    });
    if (description.status === 'ACTIVE' || description.status === 'UPDATING') return description;
    if (description.status === 'DELETING' || clock.monotonicMillis() > deadline) {
      throw new MillraceError(
        'MR_STREAM_NOT_ACTIVE',
        `stream ${description.streamName} is ${description.status}; only an ACTIVE or UPDATING stream can be read`,
        { subject: { stream: description.streamName } },
      );
    }
    await sleep(clock, activePollMillis, signal);
  }
}

/** The listing that holds the shards of an initial position (kcl.md 2.10); without one, all that the stream still has. */
export function shardFilterAt(at: InitialPosition | undefined): ShardFilter | undefined {
  switch (at?.type) {
    case undefined:
      return undefined;
    case 'LATEST':
      return { type: 'AT_LATEST' };
    case 'TRIM_HORIZON':
      return { type: 'AT_TRIM_HORIZON' };
    case 'AT_TIMESTAMP':
      return { type: 'AT_TIMESTAMP', timestampMillis: at.timestampMillis };
  }
}
