import { isStreamName } from '../../app/config/identity-options.ts';
import { showValue } from '../../app/config/problem.ts';
import { MillraceError } from '../../base/error.ts';
import type { DevStack } from '../../testkit/dev.ts';
import { aborted } from '../../base/abort.ts';
import type { CommandContext } from '../command-io.ts';
import type { DevFlags } from '../definitions/dev.ts';
import { ProgressDisplay } from '../progress-display.ts';
import { show } from '../show.ts';
import { untilSignal } from '../until-signal.ts';

const defaultPort = 4567;

/** `millrace dev`: a local stack with a seeded stream, until a signal. */
export async function dev(this: CommandContext, flags: DevFlags): Promise<void> {
  const streamName = flags['stream-name'] ?? 'orders';
  if (!isStreamName(streamName)) throw noStreamName(streamName);
  const { shards = 2, records = 100, seed = 1, port = defaultPort, json = false } = flags;
  const { startDevStack } = await import('../../testkit/dev.ts');
  const { io } = this;
  const end = await untilSignal(io, async (signal) => {
    const recordsPerSecond = flags['records-per-second'] ?? 10;
    const stack = await startDevStack({ streamName, shards, records, recordsPerSecond, seed, port, signal });
    const { endpoint } = stack;
    const environment = environmentOf(endpoint, streamName);
    await show(this, json, {
      lines: [{ endpoint, streamName, shards, environment }],
      text: () => textOf(endpoint, streamName, shards, environment),
    });
    const display = new ProgressDisplay(io.stderr, io.clock, () => progressOf(stack));
    display.start();
    await aborted(signal);
    display.stop();
    await stack.ended;
  });
  if (end.tag === 'aborted') this.process.exitCode = end.exitCode;
}

function noStreamName(given: string): MillraceError {
  const remedy = 'give 1 to 128 letters, digits, dots, dashes or underscores';
  return new MillraceError('MR_CONFIG_INVALID', `--stream-name is ${showValue(given)}: ${remedy}`, {
    subject: { option: 'stream-name' },
  });
}

/** In this environment every command and program finds the stack; the keys are no secrets. */
function environmentOf(endpoint: string, streamName: string): Readonly<Record<string, string>> {
  return {
    AWS_ACCESS_KEY_ID: 'dev',
    AWS_SECRET_ACCESS_KEY: 'dev',
    AWS_REGION: 'us-east-1',
    MILLRACE_KINESIS_ENDPOINT: endpoint,
    MILLRACE_DYNAMODB_ENDPOINT: endpoint,
    MILLRACE_STREAM_NAME: streamName,
  };
}

function textOf(
  endpoint: string,
  streamName: string,
  shards: number,
  environment: Readonly<Record<string, string>>,
): string {
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${value}`);
  return [
    `Kinesis and DynamoDB on ${endpoint}, with the stream ${streamName} of ${shards} shards; Ctrl-C ends them`,
    'For another terminal:',
    '',
    ...exports,
    '',
  ].join('\n');
}

function progressOf(stack: DevStack): string {
  return `${stack.put().toLocaleString('en-US')} records put`;
}
