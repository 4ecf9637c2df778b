import { decimalNumber, millis, wholeNumber, word } from './option-kinds.ts';

/** Kinesis: five reads a second of one shard, shared by all its readers. */
const readsPerSecond = decimalNumber(
  { brief: 'Most reads a second of one shard, of the 5 that all its readers share.', defaultText: '4' },
  { above: 0, most: 5, expects: 'a number above 0 and at most 5' },
);

/** How shards are read. */
export const readingOptions = {
  retrievalMode: word(
    {
      brief: 'How shards are read: by POLLING, or by enhanced fan-out (FAN_OUT), which AWS bills by itself.',
      defaultText: 'POLLING',
    },
    ['POLLING', 'FAN_OUT'],
  ),
  codec: word(
    {
      brief: 'How records are decoded: by the fast decoder of one of two formats, or by the AWS SDK.',
      defaultText: 'json',
    },
    ['json', 'cbor', 'sdk'],
  ),
  bufferCollection: word(
    {
      brief:
        'When V8 collects the garbage of reading: early, after every 2 MiB of records, or when V8 finds it is time.',
      defaultText: 'early',
    },
    ['early', 'v8'],
  ),
  maxRecords: wholeNumber(
    { brief: 'Most records of one read.', defaultText: '10000' },
    { least: 1, most: 10_000, unit: 'records' },
  ),
  idleTimeBetweenReadsInMillis: millis(
    { brief: 'Pause between reads of a shard that is caught up, milliseconds.', defaultText: '1000' },
    200,
  ),
  millisBehindLatestThresholdForReducedTps: millis(
    {
      brief: 'A shard less far behind its tip is polled only once in this time, milliseconds; 0 for no such rule.',
      defaultText: '0',
    },
    0,
  ),
  maxReadsPerSecondPerShard: readsPerSecond,
  onTrimmedPosition: word(
    {
      brief: 'What to do when records after a checkpoint may have been trimmed: FAIL, or go on at TRIM_HORIZON.',
      defaultText: 'FAIL',
    },
    ['FAIL', 'TRIM_HORIZON'],
  ),
  maxBufferedBytes: wholeNumber(
    {
      brief: 'Most memory of records read and not yet finished, for the process, bytes.',
      defaultText: '33554432',
    },
    { least: 65_536, most: Number.MAX_SAFE_INTEGER, unit: 'bytes' },
  ),
};
