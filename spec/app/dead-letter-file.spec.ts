import { appendFile, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadLetterFile } from '../../lib/app/dead-letter-file.ts';
import { KinesisRecord } from '../../lib/block/record.ts';

function record(index: number, data: Uint8Array): KinesisRecord {
  return new KinesisRecord({
    data,
    partitionKey: 'k',
    sequenceNumber: String(index),
    subSequenceNumber: 0,
    shardId: 'shardId-0',
    streamName: 'orders',
    arrivalTimeMillis: Date.UTC(2026, 0, 1),
  });
}

const context = {
  shardId: 'shardId-0',
  error: new RangeError('no such customer'),
  attempts: 3,
  failedAtMillis: Date.UTC(2026, 0, 2),
};

describe('a dead letter file', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('gets one line for each record, in the format of consume with the failure added, readable by the owner only', async () => {
    const path = join(folder, 'failed.jsonl');
    await deadLetterFile(path).write([record(1, Buffer.from('h\u00e9')), record(2, Uint8Array.of(0xff))], context);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      {
        streamName: 'orders',
        shardId: 'shardId-0',
        sequenceNumber: '1',
        subSequenceNumber: 0,
        partitionKey: 'k',
        approximateArrivalTimestamp: '2026-01-01T00:00:00.000Z',
        encoding: 'utf8',
        data: 'h\u00e9',
        error: { name: 'RangeError', message: 'no such customer' },
        attempts: 3,
        failedAt: '2026-01-02T00:00:00.000Z',
      },
      expect.objectContaining({ sequenceNumber: '2', encoding: 'base64', data: '/w==' }),
    ]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('keeps whole lines when shards fail together and after a line that a crash has cut', async () => {
    const path = join(folder, 'failed.jsonl');
    await appendFile(path, '{"half');
    const file = deadLetterFile(path);
    const big = Buffer.alloc(300_000, 'x');
    await Promise.all([1, 2, 3, 4].map((index) => file.write([record(index, big), record(index, big)], context)));
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines[0]).toBe('{"half');
    const numbers = lines.slice(1).map((line) => (JSON.parse(line) as { sequenceNumber: string }).sequenceNumber);
    expect(numbers).toEqual(['1', '1', '2', '2', '3', '3', '4', '4']);
  });

  it('rejects when it cannot be written, and works again when it can', async () => {
    const path = join(folder, 'later', 'failed.jsonl');
    const file = deadLetterFile(path);
    await expect(file.write([record(1, Buffer.from('a'))], context)).rejects.toThrow('ENOENT');
    await mkdir(join(folder, 'later'));
    await file.write([record(1, Buffer.from('a'))], context);
    expect((await readFile(path, 'utf8')).split('\n').length).toBe(2);
  });
});
