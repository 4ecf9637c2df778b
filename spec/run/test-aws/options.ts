import { parseArgs } from 'node:util';
import { escapeControl, nearestName } from '../../../lib/base/text.ts';

/** What `npm run test:aws` is told. */
export interface TestAwsOptions {
  readonly region: string;
  readonly kinesisEndpoint?: string;
  readonly dynamoDBEndpoint?: string;
  /** Whether the calls and their cost were agreed to. */
  readonly yes: boolean;
  /** Deletes what earlier runs have left, and runs nothing. */
  readonly cleanup: boolean;
  /** Whether the report is one line of JSON, alone on standard output. */
  readonly json: boolean;
}

/** What a command line asks for. */
export type TestAwsRequest =
  | { readonly tag: 'run'; readonly options: TestAwsOptions }
  | { readonly tag: 'help' }
  | { readonly tag: 'refused'; readonly message: string };

const texts = {
  region: 'the AWS region, such as eu-west-1; required',
  'kinesis-endpoint': 'URL of an emulator in the place of Kinesis',
  'dynamodb-endpoint': 'URL of an emulator in the place of DynamoDB',
};
const switches = {
  yes: 'agree to the calls and their cost; without it they are only shown',
  cleanup: 'delete what earlier runs have left, and run nothing',
  json: 'the report as one line of JSON, alone on standard output',
  help: 'show this',
};
const names = [...Object.keys(texts), ...Object.keys(switches)];

/** Reads the command line, strictly. A later option wins over an earlier one of the same name. */
export function parseTestAwsOptions(args: readonly string[]): TestAwsRequest {
  const option = (name: string) => [name, { type: name in texts ? ('string' as const) : ('boolean' as const) }];
  // Not strict: it would refuse an unknown option without naming the nearest.
  const options = Object.fromEntries(names.map(option)) as Record<string, { type: 'string' | 'boolean' }>;
  const { tokens } = parseArgs({ args: [...args], strict: false, tokens: true, options });
  const values = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') return refused(`unknown argument ${shown(token.value)}: there are only options`);
    const wrong = faultOf(token.name, token.rawName, token.value);
    if (wrong !== undefined) return refused(wrong);
    values.set(token.name, token.value ?? '');
  }
  if (values.has('help')) return { tag: 'help' };
  const region = values.get('region');
  if (region === undefined) return refused('name the region: --region eu-west-1');
  if (!/^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region)) return refused(`--region ${shown(region)} is no region`);
  const kinesisEndpoint = values.get('kinesis-endpoint');
  const dynamoDBEndpoint = values.get('dynamodb-endpoint');
  if ((kinesisEndpoint === undefined) !== (dynamoDBEndpoint === undefined)) {
    return refused('give both endpoints, or none: half a run on AWS is not what anybody wants');
  }
  for (const url of [kinesisEndpoint, dynamoDBEndpoint]) {
    if (url !== undefined && !URL.canParse(url)) return refused(`${shown(url)} is no URL`);
  }
  return {
    tag: 'run',
    options: {
      region,
      ...(kinesisEndpoint === undefined ? {} : { kinesisEndpoint }),
      ...(dynamoDBEndpoint === undefined ? {} : { dynamoDBEndpoint }),
      yes: values.has('yes'),
      cleanup: values.has('cleanup'),
      json: values.has('json'),
    },
  };
}

/** What is wrong with one option of the command line by itself. */
function faultOf(name: string, rawName: string, value: string | undefined): string | undefined {
  if (!names.includes(name)) {
    const nearest = nearestName(name, names);
    return `unknown option ${shown(rawName)}${nearest === undefined ? '' : `; did you mean --${nearest}?`}`;
  }
  const isText = name in texts;
  if (isText && (value === undefined || value === '')) return `--${name} has no value`;
  return !isText && value !== undefined ? `--${name} takes no value` : undefined;
}

/** The text of `--help`. */
export function testAwsHelp(): string {
  const lines = Object.entries({ ...texts, ...switches }).map(([name, help]) => {
    const flag = `--${name}${name in texts ? ' TEXT' : ''}`;
    return `  ${flag.padEnd(26)} ${help}`;
  });
  return `npm run test:aws -- --region REGION --yes\n\nChecks Millrace on a real AWS account.\n\n${lines.join('\n')}\n`;
}

function refused(message: string): TestAwsRequest {
  return { tag: 'refused', message };
}

function shown(word: string): string {
  return JSON.stringify(escapeControl(word.slice(0, 60)));
}
