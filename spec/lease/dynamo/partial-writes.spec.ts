import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../../lib/lease/lease.ts';
import * as leaseWrites from '../../../lib/lease/lease-write.ts';
import { type LeaseWriteCase, leaseWriteCases } from '../../../lib/testkit/conformance/lease-write-cases.ts';
import { type RawItem, type RawTable, RawTables, rawLease } from './raw-table.ts';

/**
 * What every write leaves as it is: KCL's other versions and other clients keep attributes of their own on the same rows
 * (kcl.md 1.1, end), and nothing may be there as NULL or as an empty text.
 */
const never = new AbortController().signal;
let tables: RawTables;
let raw: RawTable;

beforeAll(async () => {
  tables = await RawTables.start();
  raw = tables.next();
  await raw.table.open(never);
}, 90_000);

afterAll(async () => {
  await tables?.[Symbol.asyncDispose]();
});

/** Attributes that Millrace does not know, one of every type that DynamoDB has; the last looks like one of its own. */
const foreign: RawItem = {
  foreignText: { S: 'text' },
  foreignEmptyText: { S: '' },
  foreignNumber: { N: '12345678901234567890' },
  foreignBytes: { B: Uint8Array.of(0, 255) },
  foreignTruth: { BOOL: false },
  foreignNull: { NULL: true },
  foreignTexts: { SS: ['a', 'b'] },
  foreignNumbers: { NS: ['1', '2'] },
  foreignByteSet: { BS: [Uint8Array.of(1)] },
  foreignList: { L: [{ S: 'x' }, { M: { deep: { N: '1' } } }] },
  foreignMap: { M: { concurrencyToken: { S: 'x' }, '#odd name:': { L: [] } } },
  leaseCounter2: { N: '9' },
};

/** The attribute or attributes of each field of a lease (kcl.md 1.1). */
const attributesOf: Readonly<Record<string, readonly string[]>> = {
  checkpoint: ['checkpoint', 'checkpointSubSequenceNumber'],
  pendingCheckpoint: ['pendingCheckpoint', 'pendingCheckpointSubSequenceNumber', 'pendingCheckpointState'],
  hashKeyRange: ['startingHashKey', 'endingHashKey'],
};

/** All that the write may touch. */
function touched({ write }: LeaseWriteCase): ReadonlySet<string> {
  const fields = [...Object.keys(write.set), ...write.clear, ...write.increment, ...Object.keys(write.add ?? {})];
  return new Set(fields.flatMap((field) => attributesOf[field] ?? [field]));
}

function untouched(item: RawItem | undefined, names: ReadonlySet<string>): RawItem {
  return Object.fromEntries(Object.entries(item ?? {}).filter(([name]) => !names.has(name)));
}

async function seed(lease: Lease, more: RawItem = {}): Promise<RawItem> {
  await raw.put({ ...rawLease(lease), ...foreign, ...more });
  return (await raw.get(lease.leaseKey))!;
}

it('has a case for every write that there is', () => {
  const makers = Object.keys(leaseWrites).filter((name) => name !== 'isAlreadyApplied');
  expect(makers.filter((name) => !leaseWriteCases.some((one) => one.name.startsWith(`${name} `)))).toEqual([]);
});

describe.each(leaseWriteCases.map((one) => ({ ...one, one })))('$name', ({ one }) => {
  it('leaves every attribute alone that it does not name', async () => {
    const before = await seed(one.before);
    expect((await raw.table.write(one.write, never)).outcome).toBe('applied');
    const names = touched(one);
    const after = await raw.get(one.write.leaseKey);
    expect(untouched(after, names)).toEqual(untouched(before, names));
    expect(after).toMatchObject(foreign);
  });

  it('leaves no NULL and no empty text, set or bytes behind: what is not there is absent', async () => {
    await raw.put(rawLease(one.before));
    await raw.table.write(one.write, never);
    const item = (await raw.get(one.write.leaseKey))!;
    expect(item).toEqual(rawLease(one.after));
    const empty = Object.entries(item).filter(
      ([, value]) => 'NULL' in value || value.S === '' || value.SS?.length === 0 || value.B?.length === 0,
    );
    expect(empty).toEqual([]);
  });

  it.each(Object.entries(one.refusedOn))('changes nothing at all when refused by another %s', async (_part, row) => {
    const before = await seed(row);
    expect((await raw.table.write(one.write, never)).outcome).toBe('refused');
    expect(await raw.get(one.write.leaseKey)).toEqual(before);
  });
});

describe('a row that is created while it is there already', () => {
  it('keeps every attribute', async () => {
    const [{ before: lease }] = leaseWriteCases as [LeaseWriteCase];
    const before = await seed(lease);
    expect(await raw.table.createIfAbsent({ ...lease, leaseCounter: 0 }, never)).toBe(false);
    expect(await raw.get(lease.leaseKey)).toEqual(before);
  });
});

describe('pendingCheckpointState', () => {
  const [{ before: lease }] = leaseWriteCases as [LeaseWriteCase];
  /** A prepared checkpoint is dropped where another is written, and nowhere else. */
  const dropPending = /^(checkpointLease|prepareCheckpoint|seekLease) /;

  it.each([
    ['bytes, as KCL updates it', { B: Uint8Array.of(1, 2, 255) }],
    ['a number, as KCL creates it', { N: '7' }],
  ])('as %s stays as it is through every write that drops no pending checkpoint', async (_form, state) => {
    for (const one of leaseWriteCases.filter(({ name }) => !dropPending.test(name))) {
      const pending = { pendingCheckpoint: { S: 'TRIM_HORIZON' }, pendingCheckpointSubSequenceNumber: { N: '3' } };
      await seed(one.before, { ...pending, pendingCheckpointState: state });
      await raw.table.write(one.write, never);
      const after = (await raw.get(lease.leaseKey))!;
      expect([one.name, after['pendingCheckpointState']]).toEqual([one.name, state]);
      expect(after).toMatchObject(pending);
    }
  });
});
