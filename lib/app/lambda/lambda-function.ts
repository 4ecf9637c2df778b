import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { KinesisRecord } from '../../block/record.ts';
import { PartialFailure } from '../../receiver/partial-failure.ts';
import { isFields } from './filter-pattern.ts';
import { invoke } from './invoke.ts';
import { finishedOf } from './lambda-answer.ts';
import { type EventOrigin, lambdaRecord } from './lambda-event.ts';
import type { LambdaSettings } from './lambda-options.ts';
import type { LambdaHandler, LambdaWindowFields } from './lambda-types.ts';

/** What a {@link LambdaFunction} runs with. */
export interface LambdaFunctionOptions {
  readonly handler: LambdaHandler;
  readonly settings: LambdaSettings;
  readonly origin: EventOrigin;
  readonly clock: Clock;
  readonly random: Random;
}

/** A handler that is invoked with records, as Lambda would. */
export class LambdaFunction {
  readonly #options: LambdaFunctionOptions;
  readonly #name: string;

  constructor(options: LambdaFunctionOptions) {
    this.#options = options;
    this.#name = options.settings.functionName ?? (options.handler.name || 'handler');
  }

  /**
   * Invokes the handler with the records; answers with the `state` that it returned.
   * @throws PartialFailure when the handler reported some of the records as failed; else what it threw, `MR_LAMBDA_TIMEOUT`
   * or `MR_LAMBDA_RESPONSE`
   */
  async invoke(
    records: readonly KinesisRecord[],
    window?: Omit<LambdaWindowFields, 'eventSourceARN'>,
  ): Promise<unknown> {
    const { handler, settings, origin, clock } = this.#options;
    const event = {
      Records: records.map((record) => lambdaRecord(record, origin)),
      ...(window === undefined ? {} : { ...window, eventSourceARN: origin.streamArn }),
    };
    const { timeoutMillis, reportsItemFailures } = settings;
    const answer = await invoke({ handler, event, timeoutMillis, clock, facts: this.#facts() });
    const state = isFields(answer) ? answer['state'] : undefined;
    if (!reportsItemFailures) return state;
    const finished = finishedOf(
      answer,
      event.Records.map((record) => record.kinesis.sequenceNumber),
    );
    if (finished === records.length) return state;
    throw new PartialFailure(finished, reported(records, finished), state);
  }

  #facts() {
    const { settings, origin, random } = this.#options;
    const [, partition = 'aws', , region = '', account = ''] = origin.streamArn.split(':');
    return {
      callbackWaitsForEmptyEventLoop: true,
      functionName: this.#name,
      functionVersion: '$LATEST',
      invokedFunctionArn: `arn:${partition}:lambda:${region}:${account}:function:${this.#name}`,
      memoryLimitInMB: String(settings.memoryLimitInMB),
      awsRequestId: requestId(random),
      logGroupName: `/aws/lambda/${this.#name}`,
      logStreamName: 'millrace',
    };
  }
}

/** A version 4 UUID, of the port's randomness. */
function requestId(random: Random): string {
  const variant = '89ab'.charAt(Math.floor(random.next() * 4));
  return [random.hex(8), random.hex(4), `4${random.hex(3)}`, `${variant}${random.hex(3)}`, random.hex(12)].join('-');
}

function reported(records: readonly KinesisRecord[], finished: number): Error {
  return new Error(
    `the function reported records as failed, the first of them with sequence number ${records[finished]?.sequenceNumber}`,
  );
}
