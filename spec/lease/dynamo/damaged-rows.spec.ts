import { describe, expect, it } from 'vitest';
import { leaseFromItem, rowFromItem } from '../../../lib/lease/dynamo/lease-item.ts';
import type { DynamoItem } from '../../../lib/lease/dynamo/item.ts';
import { heldLease } from '../../../lib/testkit/conformance/lease-write-cases.ts';
import { type RawItem, rawLease } from './raw-table.ts';

/**
 * A row that calls itself a lease and cannot be read as one is an error that names the table, the row and the attribute:
 * taken for "absent", a wrong owner or a wrong parent would stop the shard, or start it too early, without a word.
 */
const row = rawLease(heldLease);
const name = 'mailer';

function read(item: RawItem) {
  return leaseFromItem(item as DynamoItem, name);
}

function without(attribute: string): RawItem {
  const { [attribute]: _, ...rest } = row;
  return rest;
}

const wrong: readonly (readonly [string, RawItem])[] = [
  ['leaseCounter', without('leaseCounter')],
  ['leaseCounter', { ...row, leaseCounter: { S: '7' } }],
  ['leaseCounter', { ...row, leaseCounter: { N: '7.5' } }],
  ['leaseCounter', { ...row, leaseCounter: { N: '-1' } }],
  // Beyond what a number can hold exactly: every condition on it would fail.
  ['leaseCounter', { ...row, leaseCounter: { N: '9007199254740993' } }],
  ['checkpoint', without('checkpoint')],
  ['checkpoint', { ...row, checkpoint: { N: '49590338271490256608559692538361571095' } }],
  ['checkpoint', { ...row, checkpoint: { S: '' } }],
  ['checkpoint', { ...row, checkpoint: { S: 'latest' } }],
  ['checkpoint', { ...row, checkpoint: { S: '-1' } }],
  ['checkpoint', { ...row, checkpoint: { S: '12 ' } }],
  ['checkpointSubSequenceNumber', { ...row, checkpointSubSequenceNumber: { S: '3' } }],
  ['checkpointSubSequenceNumber', { ...row, checkpointSubSequenceNumber: { N: '-3' } }],
  ['checkpointSubSequenceNumber', { ...row, checkpointSubSequenceNumber: { N: '0.5' } }],
  ['ownerSwitchesSinceCheckpoint', { ...row, ownerSwitchesSinceCheckpoint: { S: '0' } }],
  ['leaseOwner', { ...row, leaseOwner: { NULL: true } }],
  ['leaseOwner', { ...row, leaseOwner: { S: '' } }],
  ['leaseOwner', { ...row, leaseOwner: { N: '1' } }],
  ['checkpointOwner', { ...row, checkpointOwner: { NULL: true } }],
  ['checkpointOwner', { ...row, checkpointOwner: { S: '' } }],
  ['pendingCheckpoint', { ...row, pendingCheckpoint: { S: '-1' } }],
  ['pendingCheckpoint', { ...row, pendingCheckpoint: { N: '1' } }],
  ['parentShardId', { ...row, parentShardId: { S: 'shardId-000000000001' } }],
  ['parentShardId', { ...row, parentShardId: { L: [{ S: 'shardId-000000000001' }] } }],
  ['childShardIds', { ...row, childShardIds: { NS: ['1'] } }],
  ['startingHashKey', { ...row, startingHashKey: { S: 'first' } }],
  ['startingHashKey', { ...row, startingHashKey: { S: '-1' } }],
  ['startingHashKey', { ...row, startingHashKey: { N: '0' } }],
  ['endingHashKey', { ...row, endingHashKey: { S: '' } }],
  ['endingHashKey', { ...row, endingHashKey: { S: '0x10' } }],
];

describe('a lease row', () => {
  it.each(wrong.map(([attribute, item]) => [attribute, item[attribute] ?? 'absent', item] as const))(
    'whose %s is %o is MR_TABLE_FOREIGN, with table, row and attribute',
    (attribute, _value, item) => {
      const error = expect.objectContaining({
        code: 'MR_TABLE_FOREIGN',
        subject: { table: name, lease: heldLease.leaseKey },
        message: expect.stringMatching(new RegExp(`table ${name} .*${heldLease.leaseKey}.*${attribute}\\b`)) as string,
      }) as Error;
      expect(() => read(item)).toThrow(error);
    },
  );

  it('whose range is empty is MR_TABLE_FOREIGN, as KCL refuses to make one', () => {
    const item = { ...row, startingHashKey: { S: '10' }, endingHashKey: { S: '9' } };
    expect(() => read(item)).toThrow(expect.objectContaining({ code: 'MR_TABLE_FOREIGN' }) as Error);
  });

  it('with one hash key is a lease without a range, which a sync fills in', () => {
    expect(read(without('endingHashKey')).hashKeyRange).toBeUndefined();
    expect(read(without('startingHashKey')).hashKeyRange).toBeUndefined();
  });

  it('without the attributes that have a default has their default', () => {
    const { ownerSwitchesSinceCheckpoint: _, checkpointSubSequenceNumber: __, parentShardId: ___, ...rest } = row;
    expect(read(rest)).toMatchObject({
      ownerSwitchesSinceCheckpoint: 0,
      checkpoint: { subSequenceNumber: 0 },
      parentShardIds: [],
      childShardIds: [],
    });
  });

  it('of another entityType is skipped, however damaged it is', () => {
    for (const [, item] of wrong) {
      for (const entityType of ['LEADER', 'STREAM', 'TABLE_MIGRATION', 'A_KIND_OF_THE_FUTURE', 'lease', '']) {
        const other: RawItem = { ...item, entityType: { S: entityType } };
        expect(rowFromItem(other as DynamoItem, name)).toEqual({ kind: 'other' });
      }
    }
  });

  it('whose entityType is no text is no lease and no other row, but damaged', () => {
    const item = { ...row, entityType: { N: '1' } } as DynamoItem;
    expect(() => rowFromItem(item, name)).toThrow(expect.objectContaining({ code: 'MR_TABLE_FOREIGN' }) as Error);
  });
});
