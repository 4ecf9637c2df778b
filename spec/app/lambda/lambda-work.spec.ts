import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import type { KinesisStreamHandler } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { fromLambda } from '../../../lib/app/lambda/from-lambda.ts';
import type { LambdaContext, LambdaKinesisEvent } from '../../../lib/app/lambda/lambda-types.ts';
import type { DeadLetter } from '../../../lib/receiver/dead-letter.ts';
import { LambdaRig, textsOf } from './rig.ts';

describe('a Lambda handler', () => {
  it('gets the event and the context that Lambda gives it, and its records are acked when it resolves', async () => {
    const seen: { event: LambdaKinesisEvent; context: LambdaContext; remaining: number }[] = [];
    const rig = new LambdaRig(
      async (event, context) => {
        seen.push({ event, context, remaining: context.getRemainingTimeInMillis() });
      },
      { functionTimeoutSeconds: 30, functionName: 'mailer', memoryLimitInMB: 256 },
    );
    rig.source.push('shardId-1', ['hello']);
    await rig.finish();
    expect(seen[0]?.event).toEqual({
      Records: [
        {
          eventSource: 'aws:kinesis',
          eventVersion: '1.0',
          eventID: 'shardId-1:100',
          eventName: 'aws:kinesis:record',
          invokeIdentityArn: 'arn:aws:iam::123456789012:role/millrace',
          awsRegion: 'eu-west-1',
          eventSourceARN: 'arn:aws:kinesis:eu-west-1:123456789012:stream/orders',
          kinesis: {
            kinesisSchemaVersion: '1.0',
            partitionKey: 'hello',
            sequenceNumber: '100',
            data: 'aGVsbG8=',
            approximateArrivalTimestamp: 0,
          },
        },
      ],
    });
    expect(seen[0]?.context).toMatchObject({
      functionName: 'mailer',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:mailer',
      memoryLimitInMB: '256',
      awsRequestId: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/) as string,
    });
    expect(seen[0]?.remaining).toBe(30_000);
    expect(rig.source.acked.length).toBe(1);
  });

  it('may answer by callback, by context.succeed, or with nothing, and fail by callback or throw', async () => {
    let tries = 0;
    const handlers = [
      (_e: unknown, _c: unknown, callback: (error: null) => void) => void setImmediate(() => callback(null)),
      (_e: unknown, context: LambdaContext) => context.succeed(),
      () => 'Successfully processed 1 records.',
      (_e: unknown, _c: unknown, callback: (error: Error | null) => void) => {
        tries += 1;
        callback(tries === 1 ? new Error('first') : null);
      },
      () => {
        tries += 1;
        if (tries === 3) throw new Error('third');
      },
    ];
    for (const handler of handlers) {
      const rig = new LambdaRig(handler);
      rig.source.push('a', ['1']);
      await rig.finish();
      expect(rig.source.acked.length).toBe(1);
    }
    expect(tries).toBe(4);
  });

  it('is tried again from the first record that it reports as failed', async () => {
    const batches: string[][] = [];
    const rig = new LambdaRig(async (event) => {
      batches.push(textsOf(event));
      if (batches.length > 2) return { batchItemFailures: [] };
      const failed = event.Records.slice(-2).map(({ kinesis }) => ({ itemIdentifier: kinesis.sequenceNumber }));
      return { batchItemFailures: failed.toReversed() };
    });
    rig.source.push('a', ['1', '2']);
    rig.source.push('a', ['3', '4']);
    await rig.finish();
    expect(batches).toEqual([
      ['1', '2', '3', '4'],
      ['3', '4'],
      ['3', '4'],
    ]);
    expect(rig.source.acked.length).toBe(2);
  });

  it('that returns nonsense has failed for the whole batch, by name', async () => {
    for (const batchItemFailures of [
      [{ itemIdentifier: '' }],
      [{ itemIdentifier: null }],
      [{ id: '100' }],
      [{ itemIdentifier: 'a:100' }],
      'all',
    ]) {
      let calls = 0;
      const rig = new LambdaRig(
        async () => {
          calls += 1;
          return { batchItemFailures };
        },
        { maximumRetryAttempts: 1 },
      );
      rig.source.push('a', ['1', '2']);
      await expect(rig.finish()).rejects.toMatchObject({
        code: 'MR_HANDLER_FAILED',
        cause: { code: 'MR_LAMBDA_RESPONSE' },
      });
      expect(calls).toBe(2);
      expect(rig.source.acked).toEqual([]);
    }
  });

  it('that never settles has failed after its time-out', async () => {
    const rig = new LambdaRig(() => new Promise(() => {}), { functionTimeoutSeconds: 3, maximumRetryAttempts: 0 });
    rig.source.push('a', ['1']);
    await expect(rig.finish()).rejects.toMatchObject({ cause: { code: 'MR_LAMBDA_TIMEOUT' } });
    expect(rig.clock.monotonicMillis()).toBe(3_000);
  });

  it('gets batches of batchSize, and gathers them for the batching window', async () => {
    const batches: string[] = [];
    const rig = new LambdaRig(
      async (event) => void batches.push(`${rig.clock.monotonicMillis()} ${textsOf(event).join()}`),
      {
        batchSize: 3,
        maximumBatchingWindowInSeconds: 5,
      },
    );
    rig.source.push('a', ['1', '2', '3', '4']);
    await rig.clock.advance(4_000);
    rig.source.push('a', ['5']);
    await rig.clock.advance(4_000);
    expect(batches).toEqual(['0 1,2,3', '5000 4,5']);
    rig.source.push('a', ['6']);
    await rig.clock.advance(100);
    rig.work.hurry('a');
    await rig.clock.advance(0);
    expect(batches[2]).toBe('8100 6');
    await rig.finish();
  });

  it('does not wait for the window when so much is unfinished that reading would stop', async () => {
    let records = 0;
    const rig = new LambdaRig(
      async (event) => void (records += event.Records.length),
      { maximumBatchingWindowInSeconds: 300 },
      { maxUnackedBlocks: 8 },
    );
    for (let number = 0; number < 4; number += 1) rig.source.push('a', [String(number)]);
    await rig.clock.advance(1);
    expect(records).toBe(4);
  });

  it('runs parallelizationFactor invocations of a shard at once, those of a partition key in order', async () => {
    let running = 0;
    let most = 0;
    const seen = new Map<string, string[]>();
    const rig = new LambdaRig(
      async (event) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise<void>((resolve) => void rig.clock.timer(10, resolve));
        for (const { kinesis } of event.Records) {
          seen.set(kinesis.partitionKey, [...(seen.get(kinesis.partitionKey) ?? []), kinesis.sequenceNumber]);
        }
        running -= 1;
      },
      { parallelizationFactor: 4, batchSize: 1 },
    );
    for (let number = 0; number < 10; number += 1) rig.source.push('a', ['k1', 'k2', 'k3', 'k4', 'k5']);
    await rig.finish();
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
    expect(seen.size).toBe(5);
    for (const numbers of seen.values()) {
      expect(numbers.length).toBe(10);
      expect(numbers).toEqual([...numbers].sort((a, b) => Number(a) - Number(b)));
    }
    expect(rig.source.acked.length).toBe(10);
  });

  it('sees only what the filter lets through; the rest is finished', async () => {
    const seen: string[] = [];
    const rig = new LambdaRig(async (event) => void seen.push(...textsOf(event)), {
      filterCriteria: { filters: [{ pattern: '{"data":{"n":[{"numeric":[">",1]}]}}' }] },
    });
    rig.source.push('a', ['{"n":1}', '{"n":2}', 'plain']);
    rig.source.push('a', ['{"n":0}']);
    await rig.finish();
    expect(seen).toEqual(['{"n":2}']);
    expect(rig.source.acked.length).toBe(2);
  });

  it('is bisected until the bad record is in the dead letter; one that fails keeps everything', async () => {
    const left: string[] = [];
    const write: DeadLetter['write'] = async (records) => void left.push(...records.map((record) => record.text()));
    const seen: string[] = [];
    const handler = async (event: LambdaKinesisEvent) => {
      if (textsOf(event).includes('bad')) throw new Error('bad');
      seen.push(...textsOf(event));
    };
    const options = { maximumRetryAttempts: 0, bisectBatchOnFunctionError: true };
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const rig = new LambdaRig(handler, options, { then: { write } });
    rig.source.push('a', ['1', 'bad', '3']);
    await rig.finish();
    expect([seen, left]).toEqual([['1', '3'], ['bad']]);
    expect(rig.eventsOf('records.skipped')).toMatchObject([{ records: 1, to: 'deadLetter' }]);

    const failing: DeadLetter = { write: () => Promise.reject(new Error('disk full')) };
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const second = new LambdaRig(handler, options, { then: failing });
    second.source.push('a', ['bad']);
    await expect(second.finish()).rejects.toMatchObject({ cause: { message: 'disk full' } });
    expect(second.source.acked).toEqual([]);
    expect(second.eventsOf('records.skipped')).toEqual([]);
  });

  it('leaves a lost lease to its next owner, and goes on with the other shards', async () => {
    const seen: string[] = [];
    const rig = new LambdaRig(async (event) => {
      if (textsOf(event).includes('a1')) {
        rig.source.lose('a');
        throw new Error('lost');
      }
      seen.push(...textsOf(event));
    });
    rig.source.push('a', ['a1']);
    rig.source.push('b', ['b1']);
    await rig.finish();
    expect(seen).toEqual(['b1']);
    expect(rig.source.ackedTexts).toEqual(['b@1 (TRIM_HORIZON, 100:0]']);
  });

  it('carries the state of a tumbling window on, and its records are finished with its last invocation', async () => {
    const calls: unknown[] = [];
    const rig = new LambdaRig(
      async (event) => {
        const { state, isFinalInvokeForWindow, isWindowTerminatedEarly, window, shardId } = event;
        calls.push([textsOf(event).join(), state, isFinalInvokeForWindow, isWindowTerminatedEarly, shardId]);
        expect(window).toEqual({ start: '1970-01-01T00:00:00Z', end: '1970-01-01T00:01:00Z' });
        const sum = (state as { sum?: number }).sum ?? 0;
        return { state: { sum: sum + event.Records.length } };
      },
      { tumblingWindowInSeconds: 60 },
    );
    rig.source.push('a', ['1', '2']);
    await rig.clock.advance(10_000);
    rig.source.push('a', ['3']);
    await rig.clock.advance(51_000);
    expect(rig.source.acked).toEqual([]);
    rig.work.sawTip('a');
    await rig.clock.advance(400);
    expect(calls).toEqual([
      ['1,2', {}, false, false, 'a'],
      ['3', { sum: 2 }, false, false, 'a'],
      ['', { sum: 3 }, true, false, 'a'],
    ]);
    expect(rig.source.acked.length).toBe(2);
    await rig.finish();
    expect(calls.length).toBe(3);
  });

  it('is told that a window ends early when its shard drains', async () => {
    const finals: unknown[] = [];
    const rig = new LambdaRig(
      async ({ isFinalInvokeForWindow, isWindowTerminatedEarly, state }) => {
        if (isFinalInvokeForWindow !== true) return { state };
        // Nothing is asked of the last answer.
        finals.push(isWindowTerminatedEarly);
        return undefined;
      },
      { tumblingWindowInSeconds: 60 },
    );
    rig.source.push('a', ['1']);
    await rig.clock.advance(5_000);
    expect(finals).toEqual([]);
    await rig.finish();
    expect(finals).toEqual([true]);
    expect(rig.source.acked.length).toBe(1);
  });

  it('finds the state of a failed attempt as it was before, whatever the attempt did to it', async () => {
    const states: unknown[] = [];
    let failures = 1;
    const rig = new LambdaRig(
      async (event) => {
        const state = event.state as { sum?: number };
        states.push({ ...state });
        state.sum = (state.sum ?? 0) + event.Records.length;
        if (failures > 0) {
          failures -= 1;
          throw new Error('after the sum');
        }
        return { state };
      },
      { tumblingWindowInSeconds: 60 },
    );
    rig.source.push('a', ['1', '2']);
    await rig.finish();
    expect(states).toEqual([{}, {}, { sum: 2 }]);
  });

  it.each([
    ['nothing', undefined],
    ['no state', { batchItemFailures: [] }],
    ['some failures and no state', { batchItemFailures: [{ itemIdentifier: '101' }] }],
    ['a state that is no JSON', { state: { sum: 1n } }],
  ])('fails as a whole when it answers %s in a tumbling window', async (_, answer) => {
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const rig = new LambdaRig(async () => answer, { tumblingWindowInSeconds: 60, maximumRetryAttempts: 0 });
    rig.source.push('a', ['1', '2']);
    await expect(rig.clock.runUntil(rig.running, { atMostMillis: 1_000 })).rejects.toMatchObject({
      code: 'MR_HANDLER_FAILED',
      cause: { code: 'MR_LAMBDA_RESPONSE' },
    });
    expect(rig.source.acked).toEqual([]);
  });

  it('keeps the part of the state of what it finished when it reports the rest as failed', async () => {
    const calls: unknown[] = [];
    const rig = new LambdaRig(
      async (event) => {
        calls.push([textsOf(event).join(), event.state]);
        const [first] = event.Records;
        const sum = ((event.state as { sum?: number }).sum ?? 0) + 1;
        const rest = event.Records.slice(1).map(({ kinesis }) => ({ itemIdentifier: kinesis.sequenceNumber }));
        return first === undefined ? undefined : { state: { sum }, batchItemFailures: rest };
      },
      { tumblingWindowInSeconds: 60, bisectBatchOnFunctionError: true },
    );
    rig.source.push('a', ['1', '2', '3']);
    await rig.finish();
    expect(calls).toEqual([
      ['1,2,3', {}],
      ['2,3', { sum: 1 }],
      ['3', { sum: 2 }],
      ['', { sum: 3 }],
    ]);
  });

  it('has its last invocation tried again as one, also with bisection', async () => {
    const finals: unknown[] = [];
    const rig = new LambdaRig(
      async ({ isFinalInvokeForWindow, state, Records }) => {
        if (isFinalInvokeForWindow !== true) return { state: { sum: Records.length } };
        finals.push(state);
        if (finals.length < 3) throw new Error('the database is away');
        return undefined;
      },
      { tumblingWindowInSeconds: 60, bisectBatchOnFunctionError: true },
    );
    rig.source.push('a', ['1', '2']);
    await rig.finish();
    expect(finals).toEqual([{ sum: 2 }, { sum: 2 }, { sum: 2 }]);
    expect(rig.source.acked.length).toBe(1);
  });

  it('goes on with the same window and an empty state when that has passed 1 MB', async () => {
    const calls: unknown[] = [];
    const rig = new LambdaRig(
      async ({ isFinalInvokeForWindow, isWindowTerminatedEarly, state, window, Records }) => {
        calls.push([Object.keys(state as object), isFinalInvokeForWindow, isWindowTerminatedEarly, window?.end]);
        return { state: { all: 'x'.repeat(Records.length * 600_000) } };
      },
      { tumblingWindowInSeconds: 60 },
    );
    rig.source.push('a', ['1', '2']);
    await rig.clock.advance(1_000);
    expect(rig.source.acked.length).toBe(1);
    rig.source.push('a', ['3']);
    await rig.finish();
    const end = '1970-01-01T00:01:00Z';
    expect(calls).toEqual([
      [[], false, false, end],
      [['all'], true, true, end],
      [[], false, false, end],
      [['all'], true, true, end],
    ]);
  });

  it('is bisected at its first failure, which is no attempt', async () => {
    const tried: string[] = [];
    const rig = new LambdaRig(
      async (event) => {
        tried.push(textsOf(event).join());
        if (textsOf(event).includes('bad')) throw new Error('bad');
      },
      { maximumRetryAttempts: 1, bisectBatchOnFunctionError: true },
      // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
      { then: 'SKIP' },
    );
    rig.source.push('a', ['1', '2', 'bad', '4']);
    await rig.finish();
    expect(tried).toEqual(['1,2,bad,4', '1,2', 'bad,4', 'bad', 'bad', '4']);
  });

  it('may be one of the Powertools: only what it could not process comes again', async () => {
    const processor = new BatchProcessor(EventType.KinesisDataStreams);
    const processed: string[] = [];
    let refusals = 2;
    const handler: KinesisStreamHandler = async (event, context) =>
      processPartialResponse(
        event,
        async (record: { kinesis: { data: string } }) => {
          const text = Buffer.from(record.kinesis.data, 'base64').toString();
          if (text === '3' && refusals > 0) {
            refusals -= 1;
            throw new Error('not now');
          }
          processed.push(text);
        },
        processor,
        { context },
      );
    const rig = new LambdaRig(handler);
    rig.source.push('a', ['1', '2', '3', '4']);
    await rig.finish();
    expect(refusals).toBe(0);
    expect(processed.slice(0, 3)).toEqual(['1', '2', '4']);
    expect(processed.slice(-2)).toEqual(['3', '4']);
    expect(processed.filter((text) => text === '1')).toEqual(['1']);
    expect(rig.source.acked.length).toBe(1);
  });
});

describe('fromLambda', () => {
  it('refuses what is no handler, options it does not know, and values out of bounds', () => {
    const made = (options: object) => () => fromLambda(async () => {}, options);
    expect(() => fromLambda({} as never)).toThrow(/MR_CONFIG_INVALID.*was given object/);
    expect(made({ batchsize: 3 })).toThrow(/MR_CONFIG_UNKNOWN.*did you mean batchSize/);
    expect(made({ batchSize: 0 })).toThrow(/batchSize is 0: give a whole number from 1 to 10000/);
    expect(made({ maximumRetryAttempts: -2 })).toThrow(/-1 for no limit/);
    expect(made({ parallelizationFactor: 2, tumblingWindowInSeconds: 5 })).toThrow(/beside tumblingWindowInSeconds/);
    expect(made({ functionResponseTypes: ['all'] })).toThrow(/functionResponseTypes/);
    expect(made({ parallelizationFactor: 2, tumblingWindowInSeconds: 0 })).not.toThrow();
  });
});

describe('a Lambda invocation that does not come back', () => {
  const hangs = () => new Promise<never>(() => {});

  it('has its shard given up after stalledAfterMillis, and the others go on', async () => {
    const seen: string[] = [];
    const rig = new LambdaRig(async (event) => {
      const texts = textsOf(event);
      if (texts.includes('bad')) await hangs();
      seen.push(...texts);
    });
    rig.source.push('a', ['bad']);
    rig.source.push('b', ['1']);
    await rig.clock.advance(299_999);
    expect(rig.givenUp).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.givenUp).toEqual(['a']);
    expect(rig.eventsOf('shard.stalled')).toMatchObject([{ shardId: 'a', released: true }]);
    // The shard comes back to this worker in another tenure, while the old invocation still hangs.
    rig.source.push('a', ['good'], { tenure: 2 });
    await rig.clock.advance(1_000);
    expect(seen).toEqual(['1', 'good']);
    expect(rig.source.ackedTexts.length).toBe(2);
    rig.life.abort(new Error('over'));
    await expect(rig.clock.runUntil(rig.running)).rejects.toThrow('over');
  });

  it('may take as long as functionTimeoutSeconds says, where somebody has set that', async () => {
    const rig = new LambdaRig(hangs, { functionTimeoutSeconds: 600, maximumRetryAttempts: 0 });
    rig.source.push('a', ['1']);
    await expect(rig.clock.runUntil(rig.running, { atMostMillis: 601_000 })).rejects.toMatchObject({
      code: 'MR_HANDLER_FAILED',
      cause: { code: 'MR_LAMBDA_TIMEOUT' },
    });
    expect(rig.givenUp).toEqual([]);
  });

  it('includes a dead letter that never settles', async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- the name of the option
    const policy = { maximumRetryAttempts: 0, then: { write: hangs } };
    const rig = new LambdaRig(() => Promise.reject(new Error('no')), {}, policy);
    rig.source.push('a', ['1']);
    await rig.clock.advance(301_000);
    expect(rig.givenUp).toEqual(['a']);
    expect(rig.source.acked).toEqual([]);
  });
});
