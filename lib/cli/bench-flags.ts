import type { FlagParametersForType } from '@stricli/core';
import { flagName } from '../app/config/option.ts';
import type { CommandContext } from './command-io.ts';
import { consumeFlagParameters } from './consume-flags.ts';

/** The flags of the command itself; all others are options of a consumer that are about reading, as text. */
export interface BenchFlags {
  readonly config?: string;
  readonly json?: boolean;
  readonly 'log-level'?: string;
  readonly seconds?: string;
}

/** The options of a consumer that a measurement takes. */
const readingOptions = [
  'streamName',
  'streamArn',
  'region',
  'kinesisEndpoint',
  'initialPosition',
  'retrievalMode',
  'consumerName',
  'consumerArn',
  'deregisterConsumer',
  'codec',
  'maxRecords',
  'idleTimeBetweenReadsInMillis',
  'maxReadsPerSecondPerShard',
];

/** The flags of `millrace bench`: those of `consume` that are about reading, and for how long. */
export function benchFlagParameters(): FlagParametersForType<BenchFlags, CommandContext> {
  const all: Readonly<Record<string, unknown>> = consumeFlagParameters();
  const names = [...readingOptions.map(flagName), 'config', 'log-level'];
  return {
    ...Object.fromEntries(names.filter((name) => name in all).map((name) => [name, all[name]])),
    seconds: {
      kind: 'parsed',
      parse: (text: string) => text,
      optional: true,
      placeholder: 'value',
      brief: 'How long to read (default: 30)',
    },
    json: {
      kind: 'boolean',
      optional: true,
      withNegated: false,
      brief: 'Prints the figures as one JSON line; errors as one JSON line on stderr',
    },
  } as FlagParametersForType<BenchFlags, CommandContext>;
}
