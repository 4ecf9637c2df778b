import { createClients } from '../../../lib/app/clients.ts';
import { raceAbort } from '../../../lib/base/abort.ts';
import { type Clock, pause } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { EventBus } from '../../../lib/event/bus.ts';
import { StreamingContext, memoryState } from '../../../lib/index.ts';
import { createAwsKinesis } from '../../../lib/kinesis/aws-kinesis.ts';
import { createProducer } from '../../../lib/kinesis/producer.ts';
import { createTestStream, testCredentials, testRegion } from '../../support/local-stack.ts';
import { type AdvancedFigures, AdvancedTally } from './advanced-tally.ts';
import type { DemoOptions } from './options.ts';
import { produce } from './produce.ts';
import { type Stack, startStack } from './stack.ts';
import { WordLines, wordSeparator } from './word-lines.ts';

const streamName = 'lines';
const batchIntervalMillis = 500;
/** Five seconds of lines, each half second: as in the talk, a window longer than its slide. */
const windowMillis = 5_000;
/** How many words are shown. */
export const topWords = 10;
/** How long the context may take to count the rest after the last record was put. */
const countingLimitMillis = 60_000;
const lookIntervalMillis = 50;
const putTimeoutMillis = 60_000;

/** What {@link runAdvanced} needs. */
export interface AdvancedOptions {
  readonly options: DemoOptions;
  readonly clock: Clock;
  /** Told of each batch, for people. */
  readonly say: (text: string) => void;
}

/**
 * The advanced word count of the talk in one process: running counts of all words by `updateStateByKey`, sorted, their
 * first ten; and how many words the last five seconds brought. What it came to is compared with what was produced.
 * @throws what went wrong beside the counting; the signal's reason when it aborts
 */
export async function runAdvanced(run: AdvancedOptions, signal: AbortSignal): Promise<AdvancedFigures> {
  const { options, clock, say } = run;
  const stack = await startStack(signal);
  try {
    await raceAbort(createTestStream(stack.kinesis.endpoint, streamName, options.shards), signal);
    const tally = new AdvancedTally(windowMillis);
    const context = advancedWordCount(stack, tally, run);
    say(context.explain());
    context.start();
    const failed = context.awaitTermination();
    failed.catch(() => {});
    try {
      const work = async () => {
        await putLines(options, { clock, endpoint: stack.kinesis.endpoint, tally }, signal);
        const giveUpAt = clock.monotonicMillis() + countingLimitMillis;
        while (!tally.isComplete && clock.monotonicMillis() < giveUpAt) await pause(clock, lookIntervalMillis, signal);
        signal.throwIfAborted();
      };
      await Promise.race([work(), failed]);
      await context.stop({ gracefully: true });
    } finally {
      await context.stop();
    }
    return tally.figures;
  } finally {
    await stack.stop();
  }
}

/** The program that the demo shows. */
function advancedWordCount(stack: Stack, tally: AdvancedTally, { say, options }: AdvancedOptions): StreamingContext {
  const context = new StreamingContext({
    applicationName: 'advanced-word-count',
    batchIntervalMillis,
    state: memoryState(),
    ...(options.ui ? { ui: { port: 0, onListening: ({ url }) => say(`the page: ${url}`) } } : {}),
  });
  const lines = context.kinesisStream({
    streamName,
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: stack.kinesis.endpoint,
    dynamoDBEndpoint: stack.dynamo.endpoint,
    idleTimeBetweenReadsInMillis: batchIntervalMillis,
  });
  const words = lines.flatMap((record) => record.text().split(wordSeparator));

  words
    .mapToPair((word) => [word, 1])
    .updateStateByKey<number>('counts', (ones, sum = 0) => sum + ones.length)
    .transform((counts) => counts.sortBy(([, count]) => count, 'descending'))
    .foreachBatch((counts) => {
      tally.noteCounts(counts.collect());
      say(
        `${counts.time.toISOString()} ${counts
          .take(topWords)
          .map(([word, count]) => `${word} ${count}`)
          .join(', ')}`,
      );
    });

  words.countByWindow(windowMillis, batchIntervalMillis).foreachBatch((counts) => {
    tally.noteWindow(counts.batchTimeMillis, counts.take(1)[0] ?? 0);
    say(`${counts.time.toISOString()} ${counts.take(1)[0] ?? 0} words in the last ${windowMillis / 1_000} s`);
  });

  // Without a window, so that the windows can be checked: they must hold just the batches of their time.
  words.count().foreachBatch((counts) => tally.noteBatch(counts.batchTimeMillis, counts.take(1)[0] ?? 0));
  return context;
}

async function putLines(
  { seconds, rate, seed }: DemoOptions,
  { clock, endpoint, tally }: { readonly clock: Clock; readonly endpoint: string; readonly tally: AdvancedTally },
  signal: AbortSignal,
): Promise<void> {
  const clients = createClients({
    region: testRegion,
    credentials: testCredentials,
    kinesisEndpoint: endpoint,
    requestTimeoutMillis: putTimeoutMillis,
  });
  try {
    const api = createAwsKinesis({ client: clients.kinesis, stream: { streamName }, clock, events: new EventBus() });
    const producer = createProducer({ api, clock, random: seededRandom(seed) });
    const onAcknowledged = (_receipt: unknown, { words }: { readonly words: readonly string[] }) =>
      tally.noteProduced(words);
    await produce({ producer, lines: new WordLines(seed), clock, seconds, rate, onAcknowledged }, signal);
  } finally {
    clients.destroy();
  }
}
