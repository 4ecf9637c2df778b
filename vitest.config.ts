import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { limitOfRuns } from './spec/support/runs.ts';
import { SlowFirst } from './spec/support/slow-first.ts';

const minuteMillis = 60_000;

/** Suites of their own; all other spec files are the `unit` suite, property tests included. */
const own = ['tidy', 'integration', 'package', 'browser'];
const interop = 'spec/interop/**/*.interop.spec.ts';
/** The lease table as it stands in DynamoDB: on dynalite in the unit suite, on DynamoDB Local in the interop suite. */
const leaseTable = 'spec/lease/dynamo/*.spec.ts';
/** Specs beside it that need no emulator: they run in the unit suite alone. */
const withoutEmulator = ['service-answers', 'damaged-rows'].map((name) => `spec/lease/dynamo/${name}.spec.ts`);

/**
 * Where processes write down which calls of AWS they saw, for the comparison with docs/iam.md at the end of a run. Runs of
 * several suites, one after the other, may share one; a folder of a run's own goes with it.
 */
const awsCalls = process.env['TEST_AWS_CALLS'] ?? mkdtempSync(join(tmpdir(), 'millrace-calls-'));
const recorded = { setupFiles: ['./spec/support/record-aws-calls.ts'] };

// The suites run one after the other (groupOrder), the files of a suite side by side.
export default defineConfig({
  test: {
    sequence: { sequencer: SlowFirst },
    provide: { awsCalls },
    reporters: ['default', './spec/support/closing-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: ['spec/**/*.spec.ts'],
          exclude: [...own.map((folder) => `spec/${folder}/**`), interop],
          ...recorded,
          provide: { dynamoEmulator: 'dynalite', awsCalls },
          // Every file leaves its process as it found it, so one process may play many files; loading the AWS SDK and the
          // library anew for each took longer than the tests. Some files wait for timers: three on two cores.
          isolate: false,
          maxWorkers: 3,
          testTimeout: limitOfRuns(60_000),
        },
      },
      {
        test: {
          name: 'tidy',
          sequence: { groupOrder: 1 },
          include: ['spec/tidy/**/*.spec.ts'],
          testTimeout: minuteMillis,
          hookTimeout: minuteMillis,
        },
      },
      {
        // Each file starts servers and worker processes, which wait for timers most of the time: three files on two cores.
        test: {
          name: 'integration',
          sequence: { groupOrder: 3 },
          include: ['spec/integration/**/*.spec.ts'],
          ...recorded,
          globalSetup: 'spec/support/compile.ts',
          provide: { awsCalls },
          maxWorkers: 3,
          testTimeout: 2 * minuteMillis,
          hookTimeout: minuteMillis,
        },
      },
      {
        // Needs the Java workers that `npm run test:interop` sets up; the other suites do without Java.
        test: {
          name: 'interop',
          sequence: { groupOrder: 4 },
          include: [interop, leaseTable],
          exclude: withoutEmulator,
          ...recorded,
          globalSetup: 'spec/support/compile.ts',
          provide: { dynamoEmulator: 'DynamoDB Local', awsCalls },
          // A fleet waits for timers most of the time: three files side by side leave the cores idle half of it.
          maxWorkers: 3,
          testTimeout: 3 * minuteMillis,
          hookTimeout: minuteMillis,
        },
      },
      {
        // The page in a real browser: `spec/browser/setup.sh` gets one, `npm run build:page` builds the page.
        test: {
          name: 'browser',
          sequence: { groupOrder: 5 },
          include: ['spec/browser/**/*.spec.ts'],
          fileParallelism: false,
          testTimeout: minuteMillis,
          hookTimeout: minuteMillis,
        },
      },
      {
        test: {
          name: 'package',
          sequence: { groupOrder: 2 },
          include: ['spec/package/**/*.spec.ts'],
          fileParallelism: false,
          testTimeout: 3 * minuteMillis,
          hookTimeout: 5 * minuteMillis,
        },
      },
    ],
  },
});
