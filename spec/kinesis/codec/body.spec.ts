import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { maxBodyBytes, readBody, toldLength } from '../../../lib/kinesis/codec/body.ts';

describe('readBody', () => {
  it('gives the pieces as they came, and copies none of them', async () => {
    const stream = new PassThrough();
    const chunks = [Buffer.from('one'), Buffer.from('two')];
    const read = readBody(stream, 6);
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    const body = await read;
    expect(body.map(String)).toEqual(['one', 'two']);
    expect(body.map((chunk) => chunk.buffer)).toEqual(chunks.map((chunk) => chunk.buffer));
  });

  it('puts very many small pieces together', async () => {
    const stream = new PassThrough();
    const read = readBody(stream, undefined);
    for (let count = 0; count < 10_000; count += 1) stream.write(Buffer.from(String(count % 10)));
    stream.end();
    const body = await read;
    expect(body.length).toBeLessThan(4_096);
    expect(Buffer.concat(body).toString()).toBe('0123456789'.repeat(1_000));
  });

  it('fails when the stream fails, is closed before its end, or ends before its told length', async () => {
    const failing = new PassThrough();
    const failed = readBody(failing, undefined);
    failing.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await expect(failed).rejects.toThrow('reset');

    const closing = new PassThrough();
    const closed = readBody(closing, undefined);
    closing.write('half');
    setImmediate(() => closing.destroy());
    await expect(closed).rejects.toMatchObject({ code: 'ECONNRESET', message: 'the answer was cut after 4 bytes' });

    const ending = new PassThrough();
    const ended = readBody(ending, 10);
    ending.end('half');
    await expect(ended).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('takes no body beyond its limit, told or not, and drops the stream', async () => {
    const told = new PassThrough();
    await expect(readBody(told, maxBodyBytes + 1)).rejects.toThrow(`longer than ${maxBodyBytes} bytes`);
    expect(told.destroyed).toBe(true);

    const untold = new PassThrough();
    const read = readBody(untold, undefined);
    const failure = read.catch((error: unknown) => error);
    const chunk = Buffer.alloc(8 * 1024 * 1024);
    for (let bytes = 0; bytes <= maxBodyBytes && !untold.destroyed; bytes += chunk.length) {
      if (!untold.write(chunk)) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await failure).toMatchObject({ message: `the answer is longer than ${maxBodyBytes} bytes` });
    expect(untold.destroyed).toBe(true);
  });
});

describe('toldLength', () => {
  it('believes whole numbers only', () => {
    expect(['0', '17', '-1', '1e3', '', 'x', '9'.repeat(30), undefined].map(toldLength)).toEqual([
      0,
      17,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
