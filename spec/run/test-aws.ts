import { silenceSdkVersionNotice } from '../../lib/app/config/environment.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { messageOf } from '../../lib/base/error.ts';
import { jsonLine } from '../../lib/base/json-line.ts';
import { escapeControl } from '../../lib/base/text.ts';
import { EarlyEnd, listenForEnd } from './demo/early-end.ts';
import { checks } from './test-aws/checks.ts';
import { type TestAwsOptions, parseTestAwsOptions, testAwsHelp } from './test-aws/options.ts';
import { mostDollars, planText, prefixOfAll } from './test-aws/plan.ts';
import { clientsOf, deleteLeftovers, findLeftovers, setScene } from './test-aws/scene.ts';

// `npm run test:aws`: the checks for a person with an AWS account. See `--help`.

/** What became of one check. */
interface CheckOutcome {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'notRun';
  readonly millis: number;
  readonly words: string;
}

async function main(args: readonly string[]): Promise<number> {
  const request = parseTestAwsOptions(args);
  switch (request.tag) {
    case 'help':
      process.stdout.write(testAwsHelp());
      return 0;
    case 'refused':
      complain(request.message);
      return 2;
    case 'run': {
      const { options } = request;
      process.stderr.write(planText(options));
      if (!options.yes) {
        complain('nothing was called: add --yes to agree');
        return 2;
      }
      silenceSdkVersionNotice();
      return options.cleanup ? cleanUp(options) : testAws(options);
    }
  }
}

async function testAws(options: TestAwsOptions): Promise<number> {
  const end = listenForEnd('test:aws', 'what was created is deleted');
  const clients = clientsOf(options);
  const outcomes: CheckOutcome[] = [];
  const faults: string[] = [];
  let prefix = '';
  try {
    const scene = await setScene(options, clients, end.signal, (streamName) => (prefix = streamName));
    for (const check of checks) {
      const startMillis = systemClock.monotonicMillis();
      const done = (outcome: CheckOutcome['outcome'], words: string) => {
        const millis = Math.round(systemClock.monotonicMillis() - startMillis);
        outcomes.push({ name: check.name, outcome, millis, words });
        process.stderr.write(`${check.name.padEnd(10)} ${outcome}, ${millis} ms: ${escapeControl(words)}\n`);
      };
      if (end.signal.aborted) {
        done('notRun', 'ended before');
        continue;
      }
      try {
        done('passed', await check.run(scene));
      } catch (thrown) {
        done('failed', messageOf(thrown));
      }
    }
  } catch (thrown) {
    faults.push(messageOf(thrown));
  }
  const left = await tidyAway(clients, prefix).catch((thrown: unknown) => [messageOf(thrown)]);
  faults.push(...left);
  clients.destroy();
  end.unlisten();
  for (const fault of faults) complain(fault);
  const failed = outcomes.filter(({ outcome }) => outcome !== 'passed').length + faults.length;
  const passed = outcomes.length - outcomes.filter(({ outcome }) => outcome !== 'passed').length;
  const { region, kinesisEndpoint = null } = options;
  const report = { region, kinesisEndpoint, name: prefix, mostDollars, passed, failed, checks: outcomes, faults };
  process.stdout.write(options.json ? `${jsonLine(report)}\n` : `${passed} passed, ${failed} failed\n`);
  if (end.signal.reason instanceof EarlyEnd) {
    complain(end.signal.reason.message);
    return end.signal.reason.exitCode;
  }
  return failed === 0 ? 0 : 1;
}

/** Deletes what a run has created, whatever became of it; answers with what is wrong. */
async function tidyAway(clients: ReturnType<typeof clientsOf>, prefix: string): Promise<string[]> {
  if (prefix === '') return [];
  process.stderr.write(`deleting everything named ${prefix}...\n`);
  await deleteLeftovers(clients, await findLeftovers(clients, prefix));
  return [];
}

async function cleanUp(options: TestAwsOptions): Promise<number> {
  const clients = clientsOf(options);
  try {
    const leftovers = await findLeftovers(clients, prefixOfAll);
    await deleteLeftovers(clients, leftovers);
    const { streams, tables } = leftovers;
    process.stdout.write(
      options.json
        ? `${jsonLine({ deleted: leftovers })}\n`
        : `deleted ${streams.length} streams and ${tables.length} tables\n`,
    );
    return 0;
  } catch (thrown) {
    complain(messageOf(thrown));
    return 1;
  } finally {
    clients.destroy();
  }
}

function complain(message: string): void {
  process.stderr.write(`test:aws: ${escapeControl(message)}\n`);
}

process.exitCode = await main(process.argv.slice(2));
