import { describe, expect, it } from 'vitest';
import { formatPosition } from '../../../lib/base/position.ts';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import { type ShardGap, readManifestAlone } from '../../../lib/engine/commit/manifest.ts';
import { parsePointer } from '../../../lib/engine/commit/pointer.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import type { MillraceEvent } from '../../../lib/event/event.ts';
import { EngineFleet, type EngineProcess, type EngineProcessOptions } from './engine-fleet.ts';

const scopes = ['shard', 'application'] as const;
const hour = 3_600_000;
const shardId = 'shardId-000000000000';

/** What the program showed last: how many records there were in all, and the last of them. */
interface Shown {
  count: number;
  readonly numbers: Map<number, readonly number[]>;
}

function program(shown: Shown, { scope, isPlanned = false }: { scope: (typeof scopes)[number]; isPlanned?: boolean }) {
  return (stream: DStream<KinesisRecord>) => {
    const one = stream.keyByPartitionKey().map(([, record]) => ['all', record.text()] as const);
    one
      .mapToPair((pair) => pair)
      .updateStateByKey<number>('counts', (values, count = 0) => count + values.length, { partial: scope === 'shard' })
      .foreachBatch((batch) => {
        for (const [, count] of batch.collect()) shown.count = count;
      });
    stream.foreachBatch(
      (batch) => {
        if (!batch.isEmpty()) shown.numbers.set(batch.id, batch.map((record) => Number(record.text())).collect());
      },
      { repeatable: isPlanned },
    );
  };
}

/** Ten records are committed by a process that dies then, or in the batch after it; five come that retention takes, then three. */
async function rested(shown: Shown, options: EngineProcessOptions & { readonly isPlanned?: boolean }) {
  const fleet = new EngineFleet({ retentionPeriodHours: 24 });
  fleet.put(10);
  const { isPlanned = false, ...rest } = options;
  const first = await fleet.startEngine(program(shown, { ...options, isPlanned }), rest);
  await fleet.clock.runUntil(() => shown.count === 10 && fleet.isCheckpointed);
  await fleet.clock.runUntil(() => fleet.table.rows[0]?.caughtUpAtMillis !== undefined);
  await fleet.clock.advance(5_000);
  fleet.put(5);
  if (!isPlanned) first.kill();
  await fleet.clock.runUntil(() => first.isKilled);
  await fleet.clock.advance(30 * hour);
  fleet.put(3);
  return fleet;
}

async function resumed(fleet: EngineFleet, shown: Shown, options: EngineProcessOptions & { isPlanned?: boolean }) {
  const { isPlanned = false, ...rest } = options;
  const second = await fleet.startEngine(program(shown, { ...options, isPlanned }), rest);
  await fleet.clock.advance(60_000);
  return second;
}

/** The gap that the last committed manifest tells of. */
async function gapOf(fleet: EngineFleet, scope: (typeof scopes)[number]): Promise<ShardGap> {
  const text = scope === 'shard' ? fleet.table.rows[0]?.engineState : fleet.epochPlace.row?.pointer;
  const { manifest: name, checksum } = parsePointer(text ?? '', 'the row');
  const bytes = (await fleet.store.read(name, new AbortController().signal)) ?? new Uint8Array();
  const { shards } = readManifestAlone(bytes, { location: 'memory', name, checksum, application: 'app' });
  return shards[0]?.gap as ShardGap;
}

const stepsOf = (one: EngineProcess) => one.eventsOf('batch.step').filter(({ step }) => step === 'committed');

describe.each(scopes)('a committed position that retention has passed, in %s scope', (scope) => {
  it('is an error that names it, and nothing is committed', async () => {
    const shown: Shown = { count: 0, numbers: new Map() };
    const fleet = await rested(shown, { scope });
    const second = await resumed(fleet, shown, { scope });
    expect(second.eventsOf('shard.failed')[0]).toMatchObject({ shardId, code: 'MR_POSITION_TRIMMED' });
    expect(second.fault).toBeUndefined();
    expect(shown.count).toBe(10);
  });

  it('goes on from the horizon with its state where that is the policy, and tells of the gap', async () => {
    const shown: Shown = { count: 0, numbers: new Map() };
    const fleet = await rested(shown, { scope });
    const second = await resumed(fleet, shown, { scope, onTrimmedPosition: 'TRIM_HORIZON' });
    expect(second.eventsOf('shard.positionTrimmed')).toHaveLength(1);
    expect([second.fault, second.eventsOf('shard.failed'), second.eventsOf('range.refused')]).toEqual([
      undefined,
      [],
      [],
    ]);
    expect(shown.count).toBe(13);
    const { after, batchId } = await gapOf(fleet, scope);
    expect(formatPosition(after)).toBe(second.eventsOf('shard.positionTrimmed')[0]?.checkpoint);
    expect(stepsOf(second).map((step) => step.batchId)).toContain(batchId);
    // Later batches keep it on record.
    fleet.put(2);
    await fleet.clock.runUntil(() => shown.count === 15);
    await fleet.clock.advance(1_000);
    expect(await gapOf(fleet, scope)).toMatchObject({ batchId });
  });

  it('of a planned batch: it is run with what is left, and told', async () => {
    const shown: Shown = { count: 0, numbers: new Map() };
    const dies = { scope, isPlanned: true };
    const fleet = await rested(shown, { ...dies, diesAt: diesAtPlanOf(() => shown.count === 10) });
    const second = await resumed(fleet, shown, { ...dies, onTrimmedPosition: 'TRIM_HORIZON' });
    expect(second.eventsOf('plan.found')).toHaveLength(1);
    expect(second.eventsOf('shard.positionTrimmed')).toHaveLength(1);
    expect([second.fault, second.eventsOf('shard.failed')]).toEqual([undefined, []]);
    expect(shown.count).toBe(13);
    // The gap ends behind the planned batch, of which nothing was left.
    const planned = second.eventsOf('plan.found')[0]?.batchId ?? 0;
    expect(await gapOf(fleet, scope)).toMatchObject({ batchId: planned + 1 });
  });
});

describe('a committed position that the lease does not have yet', () => {
  it('is judged by what the lease says of an earlier one: the holder died between its commit and the row', async () => {
    const scope = 'application';
    const shown: Shown = { count: 0, numbers: new Map() };
    const fleet = new EngineFleet({ retentionPeriodHours: 24 });
    fleet.put(10);
    const first = await fleet.startEngine(program(shown, { scope }), {
      scope,
      diesAt: (event) => event.type === 'batch.step' && event.step === 'committed' && shown.count === 12,
    });
    await fleet.clock.runUntil(() => fleet.isCheckpointed && fleet.table.rows[0]?.caughtUpAtMillis !== undefined);
    fleet.put(2);
    await fleet.clock.runUntil(() => first.isKilled);
    expect(fleet.isCheckpointed).toBe(false);
    fleet.put(5);
    await fleet.clock.advance(30 * hour);
    fleet.put(3);
    const second = await resumed(fleet, shown, { scope });
    expect(second.eventsOf('shard.failed')[0]).toMatchObject({ shardId, code: 'MR_POSITION_TRIMMED' });
    expect(shown.count).toBe(12);
  });
});

/** At the plan of a batch with records, once something is so. */
function diesAtPlanOf(condition: () => boolean): (event: MillraceEvent) => boolean {
  let records = 0;
  return (event) => {
    if (event.type === 'batch.started') ({ records } = event);
    return event.type === 'batch.step' && event.step === 'planned' && records > 0 && condition();
  };
}
