import { laterOptions } from '../../app/config/later-options.ts';
import { type OptionSpec, environmentName, flagName } from '../../app/config/option.ts';
import { consumerOptionList } from '../../app/config/option-list.ts';
import { type TextFlag, textFlag } from './flag.ts';

/** Flags by name whose texts are options of a consumer. */
export type OptionFlags = Readonly<Record<string, TextFlag<string>>>;

/** Every option of a consumer that can be given as text, and those of later versions. */
export function allOptionFlags(): OptionFlags {
  return { ...optionFlags(Object.keys(consumerOptionList)), ...laterFlags() };
}

/** The flags of some options, in the order of the help; options that only a program can give have none. */
export function optionFlags(names: readonly string[]): OptionFlags {
  const entries = Object.entries<OptionSpec<unknown>>(consumerOptionList)
    .filter(([option, spec]) => names.includes(option) && spec.fromText !== undefined)
    .map(([option, spec]) => [flagName(option), optionFlag(option, spec)] as const);
  return Object.fromEntries(entries);
}

/** Options that say which application is meant, and how its tables are reached. */
export const applicationOptions: readonly string[] = [
  'applicationName',
  'tableName',
  'region',
  'dynamoDBEndpoint',
  'coordinationTables',
  'coordinatorStateTableName',
  'workerMetricsTableName',
];

/** Options that say which stream is meant, and how it is reached. */
export const streamOptions: readonly string[] = ['streamName', 'streamArn', 'region', 'kinesisEndpoint'];

/** Options that say how a stream is read where no leases are taken. */
export const readingOptions: readonly string[] = [
  ...streamOptions,
  'retrievalMode',
  'consumerName',
  'consumerArn',
  'deregisterConsumer',
  'codec',
  'maxRecords',
  'idleTimeBetweenReadsInMillis',
  'maxReadsPerSecondPerShard',
];

function optionFlag(option: string, spec: OptionSpec<unknown>): TextFlag<string> {
  const byDefault = spec.defaultText === undefined ? '' : ` (default: ${spec.defaultText})`;
  const flag = textFlag('value', `${spec.brief.replace(/\.$/, '')}${byDefault} [${environmentName(option)}]`);
  // A switch without a value is an empty text.
  return spec.isSwitch === true ? { ...flag, inferEmpty: true, parse: (text) => text || 'true' } : flag;
}

/** Flags of later versions parse, so that their refusal can say what to do instead. */
function laterFlags(): OptionFlags {
  const flag: TextFlag<string> = { ...textFlag('value', 'Not in this version yet'), inferEmpty: true, hidden: true };
  return Object.fromEntries(Object.keys(laterOptions).map((option) => [flagName(option), flag]));
}
