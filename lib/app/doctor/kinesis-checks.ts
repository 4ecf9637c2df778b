import type { FanOutApi } from '../../kinesis/fan-out-api.ts';
import type { KinesisInspection, StreamFacts } from '../../kinesis/aws-inspection.ts';
import { isKinesisFault } from '../../kinesis/fault.ts';
import type { KinesisApi } from '../../kinesis/kinesis-api.ts';
import { isOpen } from '../../kinesis/shard.ts';
import type { ConsumerSettings } from '../config/consumer-settings.ts';
import { type Check, type ProbeAnswer, check, endsArea, skipped } from './check.ts';

/** What the checks of a stream work with. */
export interface KinesisChecksOptions {
  readonly settings: ConsumerSettings;
  readonly api: KinesisApi;
  readonly inspection: KinesisInspection;
  readonly fanOut: FanOutApi;
  readonly signal: AbortSignal;
}

/** AWS: registered consumers of one stream; streams of the on-demand Advantage mode may have more. */
const streamConsumerLimit = 20;
/** From this part of a limit on it is told. */
const nearLimit = 0.9;

/**
 * Looks at the stream, and tries every permission that reading needs by the call itself: reading changes nothing. What would
 * register a stream consumer is not tried.
 */
export async function* kinesisChecks(options: KinesisChecksOptions): AsyncGenerator<Check, void, undefined> {
  const { api, inspection, signal, settings } = options;
  let facts: StreamFacts | undefined;
  const summary = await check('permission', 'kinesis:DescribeStreamSummary', signal, async (ending) => {
    facts = await inspection.facts(ending);
    return { detail: `${facts.streamArn}` };
  });
  yield summary;
  if (endsArea(summary)) {
    yield skipped('stream', settings.streamName, 'nothing more can be asked');
    return;
  }
  if (facts !== undefined) yield streamCheck(settings, facts);
  let shardId: string | undefined;
  yield await check('permission', 'kinesis:ListShards', signal, async (ending) => {
    const { shards } = await api.listShards({}, ending);
    shardId = (shards.find(isOpen) ?? shards[0])?.shardId;
    return { detail: `${shards.length} shards on the first page` };
  });
  yield* readingChecks(options, shardId);
  yield* fanOutChecks(options, facts);
  yield await check('limit', 'shards of the account', signal, (ending) => accountLimits(inspection, ending)).then(
    asOptional,
  );
}

function streamCheck({ streamName }: ConsumerSettings, facts: StreamFacts): Check {
  const { mode = 'unknown mode', openShards, retentionPeriodHours, encryption } = facts;
  const detail = `${mode}, ${openShards} open shards, keeps records ${retentionPeriodHours} h, encryption ${encryption}`;
  return { area: 'stream', name: streamName, result: 'ok', detail };
}

async function* readingChecks(
  { api, signal }: KinesisChecksOptions,
  shardId: string | undefined,
): AsyncGenerator<Check, void, undefined> {
  const names = ['kinesis:GetShardIterator', 'kinesis:GetRecords'] as const;
  if (shardId === undefined) {
    for (const name of names) yield skipped('permission', name, 'no shard is known');
    return;
  }
  let iterator: string | undefined;
  yield await check('permission', names[0], signal, async (ending) => {
    iterator = await api.getShardIterator({ shardId, start: { type: 'LATEST' } }, ending);
    return { detail: `at the tip of ${shardId}` };
  });
  if (iterator === undefined) {
    yield skipped('permission', names[1], 'there is no iterator');
    return;
  }
  const request = { iterator, limit: 1, shardId };
  yield await check('permission', names[1], signal, async (ending) => {
    try {
      await api.getRecords(request, ending);
    } catch (thrown) {
      // Whoever is throttled is allowed.
      if (!isKinesisFault(thrown, 'throttled')) throw thrown;
      return { result: 'warning', detail: `${shardId} is read at its limit of 5 reads a second by others` };
    }
    return { detail: `one read of ${shardId}` };
  });
}

async function* fanOutChecks(
  { inspection, fanOut, settings, signal }: KinesisChecksOptions,
  facts: StreamFacts | undefined,
): AsyncGenerator<Check, void, undefined> {
  if (facts === undefined) return;
  const { streamArn } = facts;
  const isNeeded = settings.retrievalMode === 'FAN_OUT';
  const slots = await check('limit', 'fan-out slots', signal, async (ending) => {
    const names = await inspection.streamConsumers(streamArn, ending);
    const used = `${names.length} of ${streamConsumerLimit} stream consumers${names.length === 0 ? '' : `: ${names.join(', ')}`}`;
    const { consumerName } = settings;
    const isFull = names.length >= streamConsumerLimit && !(consumerName !== undefined && names.includes(consumerName));
    if (!isFull) return { detail: used };
    return { result: isNeeded ? 'failed' : 'warning', detail: `${used}; deregister one before another can be made` };
  });
  yield asOptional(slots);
  if (!isNeeded) return;
  yield await check('permission', 'kinesis:DescribeStreamConsumer', signal, async (ending) => {
    const { consumerName, consumerArn } = settings;
    const key = consumerArn === undefined ? { consumerName: consumerName ?? '', streamArn } : { consumerArn };
    try {
      const { status } = await fanOut.describeStreamConsumer(key, ending);
      return { detail: `${consumerName ?? consumerArn} is ${status}` };
    } catch (thrown) {
      if (!isKinesisFault(thrown, 'consumerNotFound') || consumerArn !== undefined) throw thrown;
      return { detail: `${consumerName} is not registered yet; the first start does it` };
    }
  });
  for (const name of ['kinesis:RegisterStreamConsumer', 'kinesis:SubscribeToShard']) {
    yield skipped(
      'permission',
      name,
      'not tried: it would change the stream consumers; see docs/iam.md for the policy',
    );
  }
}

async function accountLimits(inspection: KinesisInspection, signal: AbortSignal): Promise<ProbeAnswer> {
  const { openShards, shardLimit, onDemandStreams, onDemandStreamLimit } = await inspection.limits(signal);
  const onDemand =
    onDemandStreams === undefined ? '' : `, ${onDemandStreams} of ${onDemandStreamLimit ?? '?'} streams on demand`;
  const detail = `${openShards} of ${shardLimit} provisioned shards${onDemand}`;
  if (openShards < shardLimit * nearLimit) return { detail };
  return { result: 'warning', detail: `${detail}; a split or a new stream may be refused: ask for a higher limit` };
}

/** A call that no consumer makes: being denied it is nothing wrong. */
function asOptional(made: Check): Check {
  if (made.code !== 'MR_ACCESS_DENIED') return made;
  const { area, name } = made;
  return skipped(area, name, 'not allowed to look; no consumer needs it');
}

/** How far this machine's clock is from the service's. */
export function clockCheck(skewMillis: number, isKnown: boolean): Check {
  const area = 'clock';
  const name = 'this machine and Kinesis';
  if (!isKnown) return skipped(area, name, 'Kinesis has not answered');
  const seconds = Math.round(skewMillis / 1_000);
  const isEven = Math.abs(skewMillis) < clockPrecisionMillis;
  const detail = isEven ? 'they agree' : `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}`;
  if (Math.abs(skewMillis) < warnedSkewMillis) return { area, name, result: 'ok', detail };
  const remedy = 'set the clock by NTP; beyond 5 minutes AWS refuses signatures';
  return { area, name, result: 'warning', detail: `${detail}: ${remedy}` };
}

/** The Date header of an answer is cut to the second, and is read late. */
const clockPrecisionMillis = 2_000;
/** As the event `clock.skewed` has it. */
const warnedSkewMillis = 10_000;
