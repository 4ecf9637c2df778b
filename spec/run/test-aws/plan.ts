import type { TestAwsOptions } from './options.ts';

/** With this the name of everything begins that a run creates: the stream, its consumers, the tables. */
export const prefixOfAll = 'millrace-test-aws-';

/** What a run calls, in the order of first use. */
export const calls = {
  Kinesis: [
    'CreateStream (2 shards), DescribeStreamSummary, ListShards, PutRecords (about 1,000 records, under 1 MB in all)',
    'GetShardIterator, GetRecords',
    'RegisterStreamConsumer, DescribeStreamConsumer, SubscribeToShard, DeregisterStreamConsumer (1 consumer)',
    'SplitShard (1), MergeShards (1)',
    'DeleteStream, ListStreams',
  ],
  DynamoDB: [
    'CreateTable (3 tables, on demand), DescribeTable, UpdateTable where an index is missing',
    'Scan, Query, GetItem, PutItem, UpdateItem, DeleteItem',
    'DeleteTable, ListTables',
  ],
} as const;

/**
 * What a run can cost at most, in dollars, for a run of an hour, although one takes a few minutes: Kinesis bills whole hours of
 * a shard. The prices are from memory, with a margin, and were not read off AWS's pages: 0.015 dollars is what is remembered
 * of a shard-hour in us-east-1, and of a shard-hour of a stream consumer, and 0.026 is counted. So this is a bound to be checked
 * at {@link pricePages} before anybody relies on it.
 */
export const costItems = [
  { what: '5 shards (2, then 2 more by a split, 1 by a merge), 1 hour each', dollars: 0.13 },
  { what: '5 shards with 1 stream consumer, 1 hour each, and its data', dollars: 0.13 },
  { what: 'PUT units and DynamoDB units on demand, under 50,000', dollars: 0.1 },
] as const;

/** Where AWS says what its calls cost. */
export const pricePages = [
  'https://aws.amazon.com/kinesis/data-streams/pricing/',
  'https://aws.amazon.com/dynamodb/pricing/on-demand/',
] as const;

/** The sum of {@link costItems}. */
export const mostDollars = Math.round(costItems.reduce((sum, { dollars }) => sum + dollars, 0) * 100) / 100;

/** What a person agrees to with `--yes`. */
export function planText({ region, kinesisEndpoint, dynamoDBEndpoint, cleanup }: TestAwsOptions): string {
  const where = kinesisEndpoint === undefined ? `AWS, region ${region}` : `${kinesisEndpoint} and ${dynamoDBEndpoint}`;
  if (cleanup) {
    return `On ${where}: ListStreams and ListTables, then DeleteStream and DeleteTable of all whose name begins with ${prefixOfAll}\n`;
  }
  const lines = Object.entries(calls).flatMap(([service, list]) => list.map((call) => `  ${service}: ${call}`));
  const costs = costItems.map(({ what, dollars }) => `  $${dollars.toFixed(2)}  ${what}`);
  return [
    `On ${where}, all under names that begin with ${prefixOfAll} and are deleted at the end:`,
    ...lines,
    `At most $${mostDollars.toFixed(2)}, by prices from memory, with a margin; check them for your region:`,
    ...pricePages.map((page) => `  ${page}`),
    ...costs,
    '',
  ].join('\n');
}
