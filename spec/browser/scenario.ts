import { type ToldSource, shardName, tellBatch, tellShards, toldSource } from '../web/sources.ts';

/** What a stranger may write into a partition key, a name or an error, to have it run by whoever looks. */
export const hostileTexts = [
  '<img src=x onerror="window.harmed=1">',
  '"><script>window.harmed=1</script>',
  "'-window.harmed=1-'",
  '</td></tr></table><svg/onload=window.harmed=1>',
  'javascript:window.harmed=1',
  '{{constructor.constructor("window.harmed=1")()}}',
  '\u202Egnp.exe\u0000\u001B[31m',
];

/** A worker with something to see in every view. */
export function busySource(options: { readonly batches?: number; readonly receivers?: number } = {}): ToldSource {
  const { batches = 120 } = options;
  const source = toldSource('word-count', [
    { receiverId: 0, streamName: 'orders', workerIdentifier: 'worker-a:4711:0badcafe' },
    { receiverId: 1, streamName: 'orders', workerIdentifier: 'worker-a:4711:0badcafe-2' },
  ]);
  source.tell({
    type: 'engine.started',
    batchIntervalMillis: 1_000,
    scope: 'application',
    reason: 'reduceByKey needs all shards',
    outputs: [
      {
        output: 'foreachBatch at counts.ts:12',
        guarantee: 'atLeastOnce',
        reason: 'foreachBatch may see a batch twice',
      },
    ],
  });
  tellShards(source, 24);
  source.tell({ type: 'leader.elected', workerIdentifier: 'worker-a:4711:0badcafe' });
  for (const other of ['worker-b:812:11111111', 'worker-c:99:22222222']) {
    source.tell({ type: 'worker.joined', workerIdentifier: other });
  }
  tellReshards(source);
  tellOthersLeases(source);
  for (let id = 1; id <= batches; id += 1) {
    const begunMillis = source.nowMillis;
    for (let shard = 0; shard < 24; shard += 1) tellRead(source, shard, id);
    const failure =
      id % 37 === 0
        ? `Error: the sink refused batch ${id}\n    at write (sink.ts:12:7)\n    at async run (counts.ts:40:3)`
        : undefined;
    tellBatch(source, { id, records: 180 + ((id * 37) % 90), ...(failure === undefined ? {} : { failure }) });
    source.nowMillis = begunMillis + 1_000;
  }
  tellTroubles(source);
  return source;
}

function tellRead(source: ToldSource, shard: number, round: number): void {
  const records = 5 + ((shard * 7 + round * 3) % 11);
  const shardId = shardName(shard);
  source.tell({
    type: 'shard.read',
    shardId,
    records,
    bytes: records * 480,
    millisBehindLatest: shard === 5 ? 74_000 : (shard * 13) % 300,
  });
  source.tell({ type: 'block.sealed', shardId, records, bytes: records * 480, through: `4959012345678${round}:0` });
  if (round % 4 === 0)
    source.tell({
      type: 'lease.checkpointed',
      leaseKey: shardId,
      tenure: shard + 1,
      checkpoint: `4959012345678${round}:0`,
    });
}

/** Shard 20 was split into 24 and 25, 25 and 21 were merged into 26, and that was split again. */
function tellReshards(source: ToldSource): void {
  const families: readonly (readonly [number, readonly number[]])[] = [
    [24, [20]],
    [25, [20]],
    [26, [25, 21]],
    [27, [26]],
    [28, [26]],
  ];
  for (const [child, parents] of families) {
    const leaseKey = shardName(child);
    source.tell({
      type: 'lease.gained',
      leaseKey,
      tenure: 40 + child,
      checkpoint: 'TRIM_HORIZON',
      parents: parents.map(shardName),
    });
    source.tell({ type: 'shard.changed', shardId: leaseKey, from: 'opening', to: 'reading' });
  }
  for (const ended of [20, 25, 21, 26])
    source.tell({ type: 'shard.changed', shardId: shardName(ended), from: 'reading', to: 'ended' });
}

function tellOthersLeases(source: ToldSource): void {
  for (let index = 40; index < 60; index += 1) {
    const workerIdentifier = index % 2 === 0 ? 'worker-b:812:11111111' : 'worker-c:99:22222222';
    source.tell({ type: 'lease.created', leaseKey: shardName(index), checkpoint: 'TRIM_HORIZON' });
    source.tell({ type: 'lease.assigned', leaseKey: shardName(index), workerIdentifier, reason: 'unowned' });
  }
  source.tell({
    type: 'lease.handoff',
    leaseKey: shardName(44),
    from: 'worker-b:812:11111111',
    to: 'worker-c:99:22222222',
  });
  source.tell({ type: 'lease.lost', leaseKey: shardName(3), tenure: 4, reason: 'taken' });
}

function tellTroubles(source: ToldSource): void {
  source.tell(
    { type: 'shard.throttled', shardId: shardName(2), delayMillis: 200 },
    {
      type: 'fault.seen',
      code: 'MR_THROTTLED',
      message: `Kinesis throttled ${shardName(2)}`,
      subject: { shard: shardName(2) },
    },
    {
      type: 'batch.stuck',
      shardId: shardName(7),
      attempts: 5,
      ageMillis: 91_000,
      message: 'TypeError: order.total is not a function',
    },
    {
      type: 'alert.raised',
      alert: 'iteratorAge',
      subject: `orders:${shardName(5)}`,
      message: `${shardName(5)} is 74 s behind`,
      value: 74_000,
      threshold: 60_000,
    },
    {
      type: 'alert.raised',
      alert: 'stuckBatch',
      subject: `orders:${shardName(7)}`,
      message: 'TypeError: order.total is not a function',
      value: 5,
      threshold: 3,
    },
    { type: 'state.unclaimed', group: 'application', operators: ['old-counts'] },
    { type: 'range.refused', shardId: shardName(1), records: 3, reason: 'seen', after: '1:0', through: '4:0' },
  );
  const waiting = { group: 'application', batchTimeMillis: source.nowMillis, records: 220, blocks: 24 };
  source.tell({ type: 'batch.submitted', ...waiting });
  source.tell({ type: 'batch.started', ...waiting, batchId: 999, inputs: [] });
  source.tell({
    type: 'output.started',
    group: 'application',
    batchId: 999,
    batchTimeMillis: waiting.batchTimeMillis,
    outputId: 0,
    name: 'foreachBatch at counts.ts:12',
    attempt: 1,
  });
  source.tell({ type: 'batch.submitted', ...waiting, batchTimeMillis: source.nowMillis + 1_000 });
  source.nowMillis += 400;
}

/** The hostile texts wherever a text of a stranger can stand. */
export function hostileSource(): ToldSource {
  const source = toldSource(`mill ${hostileTexts[0]}`);
  source.tell({
    type: 'engine.started',
    batchIntervalMillis: 1_000,
    scope: 'shard',
    reason: hostileTexts[1] ?? '',
    outputs: hostileTexts.map((text) => ({ output: text, guarantee: 'none', reason: text }) as const),
  });
  tellShards(source, 3);
  for (const [index, text] of hostileTexts.entries()) {
    const shardId = `shardId-${text}`;
    source.tell(
      {
        type: 'lease.gained',
        leaseKey: shardId,
        tenure: index + 9,
        checkpoint: text,
        parents: [shardName(0), `parent ${text}`],
      },
      { type: 'shard.changed', shardId, from: 'opening', to: text },
      { type: 'shard.failed', shardId, code: text, message: `partition key ${text}`, coolDownMillis: 1 },
      { type: 'lease.assigned', leaseKey: `other ${text}`, workerIdentifier: text, reason: 'unowned' },
      { type: 'lease.handoff', leaseKey: `other ${text}`, from: text, to: text },
      { type: 'batch.stuck', shardId: shardName(1), attempts: 4, ageMillis: 1, message: text },
      { type: 'alert.raised', alert: 'stuckBatch', subject: text, message: text, value: 1, threshold: 1 },
      { type: 'state.unclaimed', group: `group ${text}`, operators: [text] },
    );
    tellBatch(source, { group: `group ${text}`, id: index + 1, records: 1, failure: `key ${text}\n${text}` });
    source.nowMillis += 1_000;
  }
  return Object.assign(source, {
    notice: hostileTexts[0],
    configuration: () => [
      { title: hostileTexts[0], entries: hostileTexts.map((text) => ({ name: text, value: text, from: text })) },
    ],
  });
}
