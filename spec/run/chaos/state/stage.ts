import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { pause, systemClock } from '../../../../lib/base/clock.ts';
import { type LocalFakeAws, startFakeAws } from '../../../../lib/testkit/server/start.ts';
import { startDynamoDBLocal } from '../../../support/dynamodb-local.ts';
import { testCredentials, testRegion } from '../../../support/local-stack.ts';
import { StateWorker } from './state-worker.ts';
import { type Counts, type Difference, committedCounts, differenceOf, filedCounts, shownCounts } from './tallies.ts';
import type { KillAt, StateWorkerSettings } from './worker-settings.ts';

/** The services of a run: the stream is the testkit's, over the wire; the tables are in DynamoDB Local. */
export interface StateServices extends AsyncDisposable {
  readonly aws: LocalFakeAws;
  readonly dynamoDBEndpoint: string;
  readonly dynamo: DynamoDBClient;
  readonly kinesis: KinesisClient;
}

/**
 * Starts them.
 * @throws Error when there is no `java` to run DynamoDB Local with
 */
export async function startStateServices(): Promise<StateServices> {
  const local = await startDynamoDBLocal().catch((thrown: unknown) => {
    throw new Error(
      'DynamoDB Local did not start; it needs java 17 or newer (bash spec/interop/setup.sh installs it)',
      {
        cause: thrown,
      },
    );
  });
  const aws = await startFakeAws();
  const common = { region: testRegion, credentials: testCredentials };
  const dynamo = new DynamoDBClient({ ...common, endpoint: local.endpoint });
  const kinesis = new KinesisClient({ ...common, endpoint: aws.endpoint });
  return {
    aws,
    dynamoDBEndpoint: local.endpoint,
    dynamo,
    kinesis,
    [Symbol.asyncDispose]: async () => {
      dynamo.destroy();
      kinesis.destroy();
      await aws.stop();
      await local.stop();
    },
  };
}

const keys = 8;
const attempts = 3;
const waitMillis = 60_000;
let stages = 0;

/** A scene of one application: its stream, its processes, and what must be counted in the end. */
export class StateStage implements AsyncDisposable {
  readonly services: StateServices;
  readonly streamName: string;
  readonly #scope: 'shard' | 'application';
  readonly #settings: StateWorkerSettings;
  readonly #workers: StateWorker[] = [];
  readonly #signal: AbortSignal;
  readonly #expected = new Map<string, number>();

  private constructor(services: StateServices, settings: StateWorkerSettings, signal: AbortSignal) {
    this.services = services;
    this.#settings = settings;
    this.#signal = signal;
    this.streamName = settings.streamName;
    this.#scope = settings.scope;
  }

  static async set(
    services: StateServices,
    options: Pick<StateWorkerSettings, 'scope' | 'failoverTimeMillis'> & {
      readonly folder: string;
      readonly signal: AbortSignal;
    },
  ): Promise<StateStage> {
    stages += 1;
    const { scope, failoverTimeMillis, signal } = options;
    const streamName = `state-${process.pid}-${stages}`;
    const folder = mkdtempSync(join(options.folder, `${streamName}-`));
    await services.kinesis.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 2 }));
    const settings: StateWorkerSettings = {
      applicationName: streamName,
      workerIdentifier: 'one',
      streamName,
      scope,
      kinesisEndpoint: services.aws.endpoint,
      dynamoDBEndpoint: services.dynamoDBEndpoint,
      stateFolder: join(folder, 'state'),
      shownFile: join(folder, 'shown.jsonl'),
      sinkFolder: join(folder, 'sink'),
      isBounded: true,
      failoverTimeMillis,
    };
    return new StateStage(services, settings, signal);
  }

  get applicationName(): string {
    return this.#settings.applicationName;
  }

  get stream() {
    return this.services.aws.stream(this.streamName);
  }

  /** Puts records of every key. */
  put(recordsPerKey: number): void {
    for (let number = 0; number < recordsPerKey; number += 1) {
      for (let key = 0; key < keys; key += 1) this.stream.put(`key ${key}`, `${number}`);
    }
    for (let key = 0; key < keys; key += 1) {
      this.#expected.set(`key ${key}`, (this.#expected.get(`key ${key}`) ?? 0) + recordsPerKey);
    }
  }

  start(options: Partial<StateWorkerSettings> = {}): StateWorker {
    const worker = new StateWorker({ ...this.#settings, ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** Starts a process that ends by itself once everything is counted, and waits for that. */
  async finish(options: Partial<StateWorkerSettings> = {}): Promise<void> {
    await this.#persist({ ...options, isBounded: true }, 0);
  }

  /** Starts a process that kills itself at a point, and waits for that. */
  async killed(killAt: KillAt, options: Partial<StateWorkerSettings> = {}): Promise<void> {
    await this.#persist({ ...options, killAt }, 'SIGKILL');
  }

  /**
   * One that ends with a fault is started anew, as an orchestrator does: a machine that gave it no time for as long as its
   * lease or epoch lasts is no fault of what is put to the test.
   */
  async #persist(options: Partial<StateWorkerSettings>, expected: number | NodeJS.Signals): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const worker = this.start(options);
      const end = await this.#endOf(worker);
      if (end === expected) return;
      if (end !== 1 || attempt === attempts) throw unexpected(worker, end, expected);
    }
  }

  /** Waits for the end of a process, which must be this one. */
  async expectEnd(worker: StateWorker, expected: number | NodeJS.Signals): Promise<void> {
    const end = await this.#endOf(worker);
    if (end !== expected) throw unexpected(worker, end, expected);
  }

  async #endOf(worker: StateWorker): Promise<number | NodeJS.Signals | undefined> {
    let end: number | NodeJS.Signals | undefined;
    void worker.ended.then((told) => (end = told));
    await this.until('a process ends', () => end !== undefined);
    return end;
  }

  /** Waits until something is so, a minute at most. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const giveUpAtMillis = performance.now() + waitMillis;
    while (!(await condition())) {
      this.#signal.throwIfAborted();
      if (performance.now() > giveUpAtMillis) {
        const said = this.#workers.map(({ lastOutput }) => lastOutput).join(' | ');
        throw new Error(`after ${waitMillis} ms it is not so that ${what}: ${said}`);
      }
      await pause(systemClock, 50, this.#signal);
    }
  }

  /** Waits until all that was put is committed. */
  async untilCounted(): Promise<void> {
    await this.until('everything that was put is in committed state', async () => {
      const { missing, repeated } = differenceOf(await this.#committed().catch(() => new Map()), this.#expected);
      return missing === 0 && repeated === 0;
    });
  }

  /** By how much committed state and the sinks differ from what was put: of each, the worst of the three. */
  async verdict(): Promise<Difference> {
    const closed = new Set(this.stream.shards.flatMap(({ parentShardIds }) => parentShardIds));
    const views = [
      await this.#committed(),
      shownCounts(this.#settings, (group) => this.#scope === 'application' || !closed.has(group)),
      filedCounts(this.#settings),
    ].map((counts) => differenceOf(counts, this.#expected));
    return {
      missing: Math.max(...views.map(({ missing }) => missing)),
      repeated: Math.max(...views.map(({ repeated }) => repeated)),
    };
  }

  #committed(): Promise<Counts> {
    return committedCounts(this.#settings, this.services.dynamo);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) await worker.destroy();
  }
}

function unexpected(worker: StateWorker, end: unknown, expected: number | NodeJS.Signals): Error {
  return new Error(`a process ended with ${String(end)}, not with ${expected}: ${worker.lastOutput}`);
}
