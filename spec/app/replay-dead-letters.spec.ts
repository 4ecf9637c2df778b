import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadLetterFile } from '../../lib/app/dead-letter-file.ts';
import { replayDeadLetters } from '../../lib/app/replay-dead-letters.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-'));
  file = join(folder, 'failed.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const given = ['one', Uint8Array.of(0, 0xff, 0x80), 'three'].map(
  (data, index) =>
    new KinesisRecord({
      data: typeof data === 'string' ? new TextEncoder().encode(data) : data,
      partitionKey: `key ${index}`,
      sequenceNumber: `4961${index}000000000000000000000000000000000000`,
      subSequenceNumber: index,
      shardId: 'shardId-1',
      streamName: 'orders',
      arrivalTimeMillis: 1_234_567,
    }),
);

const context = { shardId: 'shardId-1', error: new TypeError('bad'), attempts: 3, failedAtMillis: 5_000 };

const plain = ({ data, partitionKey, position, shardId, streamName, arrivalTimeMillis }: KinesisRecord) => ({
  data: [...data],
  partitionKey,
  position,
  shardId,
  streamName,
  arrivalTimeMillis,
});

describe('the replay of a dead-letter file', () => {
  it('gives back what was written, in order, with the failure', async () => {
    await deadLetterFile(file).write(given, context);
    const seen: KinesisRecord[] = [];
    const outcome = await replayDeadLetters(file, (record, failure) => {
      seen.push(record);
      expect(failure).toEqual({
        error: { name: 'TypeError', message: 'bad' },
        attempts: 3,
        failedAt: '1970-01-01T00:00:05.000Z',
      });
    });
    expect(outcome).toEqual({ replayed: 3, unreadable: [] });
    expect(seen.map(plain)).toEqual(given.map(plain));
  });

  it('passes over half a line that a crash has left, and says which', async () => {
    await appendFile(file, '{"streamName":"ord');
    await deadLetterFile(file).write(given, context);
    expect(await replayDeadLetters(file, () => {})).toEqual({ replayed: 3, unreadable: [1] });
  });

  it('ends at the first failure of the handler, names its line, and leaves the file as it is', async () => {
    await deadLetterFile(file).write(given, context);
    const before = await readFile(file, 'utf8');
    const replay = replayDeadLetters(file, (record) => {
      if (record.subSequenceNumber === 1) throw new Error('still bad');
    });
    await expect(replay).rejects.toMatchObject({
      code: 'MR_HANDLER_FAILED',
      message: expect.stringContaining(`line 2 of ${file}; the 1 records before it`) as string,
      cause: { message: 'still bad' },
    });
    expect(await readFile(file, 'utf8')).toBe(before);
  });
});
