import { describe, expect, it } from 'vitest';
import type { KinesisRecord } from '../../../lib/block/record.ts';
import type { DStream } from '../../../lib/engine/stream.ts';
import { EngineFleet, type EngineProcessOptions } from './engine-fleet.ts';

const scopes = ['shard', 'application'] as const;

/** A program that shows the numbers of each batch under its id, and plans its batches. */
function program(shown: Map<string, readonly string[]>, scope: (typeof scopes)[number]) {
  return (stream: DStream<KinesisRecord>) => {
    stream.foreachBatch(
      (batch, { group }) => {
        shown.set(`${group} ${batch.id}`, batch.map((record) => record.text()).collect());
      },
      { repeatable: true },
    );
    if (scope === 'application') stream.count().foreachBatch(() => {});
  };
}

describe.each(scopes)('a planned batch that is found, in %s scope', (scope) => {
  const limits: readonly (Partial<EngineProcessOptions> & { readonly name: string })[] = [
    { name: 'maxUnackedBlocks', maxRecords: 2, blockMaxRecords: 1, maxUnackedBlocks: 3 },
    { name: 'maxBufferedBytes', maxRecords: 2, blockMaxRecords: 1, maxBufferedBytes: 2_000 },
  ];

  it.each(limits)('is read whole where it is larger than $name allows', async (given) => {
    const { name: _, ...limit } = given;
    const fleet = new EngineFleet({ shardCount: 2 });
    for (const shardId of ['shardId-000000000000', 'shardId-000000000001']) fleet.put(12, shardId);
    const shown = new Map<string, readonly string[]>();
    const first = await fleet.startEngine(program(shown, scope), {
      scope,
      diesAt: (event) => event.type === 'batch.step' && event.step === 'planned',
    });
    await fleet.clock.runUntil(() => first.isKilled);
    fleet.put(40);
    await fleet.clock.advance(20_000);
    const second = await fleet.startEngine(program(shown, scope), { scope, ...limit });
    await fleet.clock.runUntil(() => [...shown.values()].flat().length >= 64, { atMostMillis: 300_000 });
    expect(second.eventsOf('plan.found').length).toBeGreaterThan(0);
    expect(second.fault).toBeUndefined();
    const numbers = [...shown.values()].flat().map(Number);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_one, index) => index));
  });
});
