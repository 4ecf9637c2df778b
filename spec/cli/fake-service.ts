import { systemClock } from '../../lib/base/clock.ts';
import { main } from '../../lib/cli/main.ts';
import type { FakeKinesis } from '../../lib/testkit/fake-kinesis.ts';
import { type FakeAwsOptions, type LocalFakeAws, startFakeAws } from '../../lib/testkit/server/start.ts';
import { MemoryIo } from './support.ts';
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest';

/** What a command printed, and its exit code. */
export interface CommandRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A fake AWS for the tests of a file, and the command line pointed at it. */
export class FakeService {
  #aws: LocalFakeAws | undefined;
  #streams = 0;

  get aws(): LocalFakeAws {
    if (this.#aws === undefined) throw new Error('the fake AWS has not started yet');
    return this.#aws;
  }

  async start(options: FakeAwsOptions): Promise<void> {
    this.#aws = await startFakeAws(options);
  }

  /** A new stream; answers with its name and its model. */
  async createStream(shards = 1): Promise<{ readonly name: string; readonly fake: FakeKinesis }> {
    const name = `orders-${(this.#streams += 1)}`;
    return { name, fake: this.aws.createStream(name, shards) };
  }

  /** The flags that reach it, for commands that take leases or not. */
  flags(kind: 'stream' | 'table' | 'both'): string[] {
    const { endpoint } = this.aws;
    return [
      '--region',
      'us-east-1',
      ...(kind === 'table' ? [] : ['--kinesis-endpoint', endpoint]),
      ...(kind === 'stream' ? [] : ['--dynamodb-endpoint', endpoint]),
    ];
  }

  /** Runs a command on the system's clock. */
  async run(argv: readonly string[], io = realTimeIo(), env: Record<string, string> = {}): Promise<CommandRun> {
    const code = await main(argv, env, io);
    return { code, stdout: io.stdout.text, stderr: io.stderr.text };
  }

  async stop(): Promise<void> {
    await this.#aws?.stop();
  }
}

/** The outside of a command in memory, on the system's clock. */
export function realTimeIo(options: { isTTY?: boolean; columns?: number } = {}) {
  return new MemoryIo({ ...options, clock: systemClock });
}

/** Starts a fake AWS before the tests of a file and stops it after them. */
export function useFakeService(options: FakeAwsOptions = {}): FakeService {
  const service = new FakeService();
  beforeAll(() => service.start(options));
  afterAll(() => service.stop());
  beforeEach(() => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await service.aws.clearFaults();
  });
  return service;
}
