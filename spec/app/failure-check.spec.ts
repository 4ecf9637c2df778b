import { describe, expect, it, vi } from 'vitest';
import { StreamingContext } from '../../lib/app/streaming-context.ts';
import { createConsumer } from '../../lib/app/consumer.ts';
import { createReceiver } from '../../lib/app/create-receiver.ts';
import { fromLambda } from '../../lib/app/lambda/from-lambda.ts';
import type { FailureOptions } from '../../lib/app/config/consumer-options.ts';

// Refused before anything is sent: nobody listens at these endpoints.
const options = (onFailure?: FailureOptions) => ({
  applicationName: 'mailer',
  streamName: 'orders',
  region: 'eu-west-1',
  kinesisEndpoint: 'http://127.0.0.1:1',
  dynamoDBEndpoint: 'http://127.0.0.1:1',
  ...(onFailure === undefined ? {} : { onFailure }),
});

describe('a loop over blocks', () => {
  it.each([
    ['onFailure.maximumRetryAttempts', { maximumRetryAttempts: 3 }],
    ['onFailure.bisectBatchOnFunctionError', { bisectBatchOnFunctionError: false }],
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    ['onFailure.then', { then: 'STOP' as const }],
  ])('is refused with %s, by that name', (option, onFailure) => {
    const consumer = createConsumer(options(onFailure));
    expect(() => consumer.blocks()).toThrow(`MR_CONFIG_INVALID: ${option} has no effect on blocks()`);
  });

  it('is refused with checkpointing, which only record processors have', () => {
    const consumer = createConsumer(options());
    expect(() => consumer.blocks({ checkpointing: 'manual' } as never)).toThrow(
      /checkpointing has no effect on a loop/,
    );
  });
});

describe('a stream of a context', () => {
  it('is refused with onFailure, by name, whether a program or the environment gives it', () => {
    const context = new StreamingContext({ applicationName: 'mailer', batchIntervalMillis: 1_000 });
    const { applicationName: _, ...stream } = options({ maximumRetryAttempts: 3 });
    const says =
      /MR_CONFIG_INVALID: onFailure.maximumRetryAttempts .* has no effect in a StreamingContext.*maximumRetryAttempts of the context/;
    expect(() => context.kinesisStream(stream)).toThrow(says);
    const { onFailure: __, ...bare } = stream;
    try {
      vi.stubEnv('MILLRACE_ON_FAILURE_MAXIMUM_RETRY_ATTEMPTS', '3');
      expect(() => context.kinesisStream(bare)).toThrow(says);
    } finally {
      vi.unstubAllEnvs();
    }
    expect(() => context.kinesisStream(bare)).not.toThrow();
  });
});

describe('a failure policy', () => {
  // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
  const skip = { then: 'SKIP' as const };

  it('that says where records go, but never gives any up, is refused for every way to consume', async () => {
    const expected = { code: 'MR_CONFIG_INVALID', subject: { option: 'onFailure.then' } };
    await expect(createConsumer(options(skip)).run(() => {})).rejects.toMatchObject(expected);
    const processor = { processRecords: () => {} };
    await expect(createConsumer(options(skip)).run(processor)).rejects.toMatchObject(expected);
    await expect(createConsumer(options(skip)).run(fromLambda(async () => {}))).rejects.toMatchObject(expected);
    const engine = { onBatch: async () => {} };
    const fed = createReceiver(options(skip)).feed(engine, { batchIntervalMillis: 100 });
    await expect(fed).rejects.toMatchObject(expected);
    const write = async () => {};
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    await expect(createConsumer(options({ then: { write } })).run(() => {})).rejects.toThrow('is a dead letter');
  });

  it('may have its limit from fromLambda', () => {
    const { onFailure } = { onFailure: { maximumRecordAgeInSeconds: -1, maximumRetryAttempts: -1 } };
    const settings = { onFailure: { ...onFailure, ...skip, bisectBatchOnFunctionError: false } } as never;
    expect(() => fromLambda(async () => {}, { maximumRetryAttempts: 2 }).check(settings)).not.toThrow();
    expect(() => fromLambda(async () => {}).check(settings)).toThrow('nothing is ever given up');
  });
});

describe('a Lambda handler', () => {
  it('is refused with checkpointing', async () => {
    const run = createConsumer(options()).run(
      fromLambda(async () => {}),
      { checkpointing: 'manual' } as never,
    );
    await expect(run).rejects.toThrow(/checkpointing has no effect on a Lambda handler/);
  });
});
