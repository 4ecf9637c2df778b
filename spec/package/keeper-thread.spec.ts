import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type LocalService,
  createTestStream,
  startDynalite,
  startKinesisLocal,
  testCredentials,
  testRegion,
} from '../support/local-stack.ts';
import { type InstalledPackage, installPackage, mustRun } from './installed.ts';

let installed: InstalledPackage;
let kinesis: LocalService;
let dynamo: LocalService;

beforeAll(async () => {
  [kinesis, dynamo] = await Promise.all([startKinesisLocal(), startDynalite()]);
  await createTestStream(kinesis.endpoint, 'orders', 2);
  installed = installPackage();
});

afterAll(async () => {
  await Promise.all([kinesis?.stop(), dynamo?.stop()]);
  if (installed !== undefined) rmSync(installed.folder, { recursive: true, force: true });
});

/** Blocks its main thread for twice F once it holds both leases, then drains; prints what it was told. */
function program(applicationName: string, importing: string): string {
  const options = {
    applicationName,
    streamName: 'orders',
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: kinesis.endpoint,
    dynamoDBEndpoint: dynamo.endpoint,
    coordinationTables: 'single',
    failoverTimeMillis: 2_000,
  };
  return `${importing}
    const told = [];
    const consumer = createConsumer({
      ...${JSON.stringify(options)},
      listener: (event) => {
        told.push(event.type);
        if (told.filter((type) => type === 'lease.gained').length !== 2 || told.includes('blocked')) return;
        told.push('blocked');
        setTimeout(() => {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_000);
          setTimeout(() => consumer.drain(), 500);
        }, 500);
      },
    });
    consumer.run(() => {}).then(() => console.log(JSON.stringify(told)));`;
}

describe('the thread of the heartbeats in the installed package', () => {
  it.each([
    ['module', "import { createConsumer } from 'millrace';"],
    ['commonjs', "const { createConsumer } = require('millrace');"],
  ])('keeps the leases of a blocked main thread in a program of type %s', (type, importing) => {
    const text = program(`app-${type}`, importing);
    const printed = mustRun(process.execPath, [`--input-type=${type}`, '--eval', text], installed.folder);
    const told = JSON.parse(printed) as string[];
    expect(told).toContain('blocked');
    expect(told.filter((event) => event === 'heartbeats.inlined' || event === 'lease.lost')).toEqual([]);
    expect(told.filter((event) => event === 'lease.gained')).toHaveLength(2);
  });
});
