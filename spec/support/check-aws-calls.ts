import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readTree } from '../tidy/source.ts';
import { type AwsCall, callsAllowedBy, differencesOf } from './aws-calls.ts';
import { awsOperationsOf, statementsOf } from './iam-policies.ts';

/** The suites without which not every feature has run. */
export const wholeSuites = ['unit', 'integration', 'interop'] as const;

const suitesFile = 'suites.txt';

/**
 * Compares the calls that were written down in a folder with docs/iam.md: sentences on what does not fit. `suites` are those
 * that have just run from end to end; those of earlier runs with the same folder count too.
 */
export function checkAwsCalls(folder: string, suites: readonly string[]): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, suitesFile);
  appendFileSync(file, suites.map((suite) => `${suite}\n`).join(''));
  const run = new Set(readFileSync(file, 'utf8').split('\n'));
  const allowed = statementsOf(readFileSync('docs/iam.md', 'utf8')).flatMap(callsAllowedBy);
  const seen = seenIn(folder).filter(callsOfLibrary());
  if (process.env['TEST_AWS_CALLS'] === undefined) rmSync(folder, { recursive: true });
  return differencesOf(
    seen,
    allowed,
    wholeSuites.every((suite) => run.has(suite)),
  );
}

/** Tests set things up with Millrace's clients too, by operations that the library itself never sends. */
function callsOfLibrary(): (call: AwsCall) => boolean {
  const sent = awsOperationsOf(readTree(['lib']).filter(({ path }) => !path.startsWith('lib/testkit/')));
  const actions = new Set([...sent, 'ListBucket']);
  return ({ action }) => actions.has(action.slice(action.indexOf(':') + 1));
}

function seenIn(folder: string): readonly AwsCall[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AwsCall);
}
