import { millis, wholeNumber } from './option-kinds.ts';

/** How records are cut into blocks. */
export const blockOptions = {
  blockIntervalMillis: millis(
    { brief: 'A block is sealed after this time, milliseconds.', defaultText: '200, and at once with 256 KiB' },
    1,
  ),
  blockMaxBytes: wholeNumber(
    { brief: 'A block is sealed at this size.', defaultText: '4194304' },
    { least: 1, most: Number.MAX_SAFE_INTEGER, unit: 'bytes' },
  ),
  blockMaxRecords: wholeNumber(
    { brief: 'A block is sealed at this number of records.', defaultText: '10000' },
    { least: 1, most: 1_000_000, unit: 'records' },
  ),
  maxUnackedBlocks: wholeNumber(
    { brief: 'Blocks of one shard handed out and not finished, at which its reading stops.', defaultText: '64' },
    { least: 1, most: 1_000_000, unit: 'blocks' },
  ),
};
