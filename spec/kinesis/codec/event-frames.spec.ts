import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { EventFrames, maxFrameBytes } from '../../../lib/kinesis/codec/event-frames.ts';
import { eventFrame } from '../../../lib/testkit/server/event-stream.ts';

const headers = { ':message-type': 'event', ':event-type': 'SubscribeToShardEvent' };

/** All frames in a stream that comes in pieces of these lengths, the rest at once. */
function framesIn(stream: Buffer, lengths: readonly number[]) {
  const frames = new EventFrames();
  const read: { headers: Record<string, string>; payload: string }[] = [];
  let at = 0;
  for (const length of [...lengths, stream.length]) {
    frames.push(Buffer.from(stream.subarray(at, at + length)));
    at += length;
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      read.push({
        headers: Object.fromEntries(frame.headers),
        payload: Buffer.concat(frame.payload).toString('latin1'),
      });
    }
  }
  return { read, pendingBytes: frames.pendingBytes };
}

/** A prelude with a right checksum that says what it likes. */
function prelude(total: number, headerBytes: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(total, 0);
  bytes.writeUInt32BE(headerBytes, 4);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
  return bytes;
}

describe('EventFrames', () => {
  it('finds the same frames wherever the stream is cut into pieces', () => {
    const piece = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
        fc.array(piece),
        (payloads, lengths) => {
          const stream = Buffer.concat(payloads.map((payload) => eventFrame(headers, payload)));
          const { read, pendingBytes } = framesIn(stream, lengths);
          expect(read).toEqual(
            payloads.map((payload) => ({ headers, payload: Buffer.from(payload).toString('latin1') })),
          );
          expect(pendingBytes).toBe(0);
        },
      ),
    );
  });

  it('gives nothing of a frame that is not there as a whole', () => {
    const frame = eventFrame(headers, Buffer.from('payload'));
    for (let length = 0; length < frame.length; length += 1) {
      expect(framesIn(frame.subarray(0, length), []).read).toEqual([]);
    }
  });

  it('refuses a frame of which any byte is another one, and everything behind it', () => {
    const frame = eventFrame(headers, Buffer.from('payload'));
    for (let at = 0; at < frame.length; at += 1) {
      const damaged = Buffer.from(frame);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      const frames = new EventFrames();
      frames.push(Buffer.concat([damaged, frame]));
      for (let attempt = 0; attempt < 2; attempt += 1) {
        expect(() => frames.next()).toThrow(expect.objectContaining({ name: 'UnreadableAnswer' }));
      }
    }
  });

  it.each([
    ['longer than any frame', prelude(maxFrameBytes + 1, 0)],
    ['4 GiB', prelude(0xffff_ffff, 0)],
    ['shorter than its own prelude', prelude(8, 0)],
    ['headers longer than the frame', prelude(100, 90)],
    ['headers longer than any', prelude(10_000_000, 5_000_000)],
  ])('does not believe lengths that cannot be: %s', (_, bytes) => {
    const frames = new EventFrames();
    frames.push(bytes);
    expect(() => frames.next()).toThrow(/a frame of the event stream says to have/);
  });

  it.each([
    ['a name that is longer than the headers', Buffer.from([200, 0x61])],
    ['a value that is longer than the headers', Buffer.from([1, 0x61, 7, 0xff, 0xff, 0x62])],
    ['no value at all', Buffer.from([1, 0x61, 7])],
    ['a type that there is not', Buffer.from([1, 0x61, 99])],
  ])('refuses headers with %s', (_, head) => {
    const start = prelude(12 + head.length + 4, head.length);
    const trailer = Buffer.alloc(4);
    trailer.writeUInt32BE(crc32(head, crc32(start)));
    const frames = new EventFrames();
    frames.push(Buffer.concat([start, head, trailer]));
    expect(() => frames.next()).toThrow(expect.objectContaining({ name: 'UnreadableAnswer' }));
  });

  it('passes over headers of other types than text', () => {
    const values = [[0], [1], [2, 1], [3, 1, 2], [4, 1, 2, 3, 4], [5, 1, 2, 3, 4, 5, 6, 7, 8], [6, 0, 1, 9]];
    const more = [
      [8, 1, 2, 3, 4, 5, 6, 7, 8],
      [9, ...Array<number>(16).fill(1)],
      [7, 0, 2, 0x6f, 0x6b],
    ];
    const head = Buffer.concat([...values, ...more].map((value) => Buffer.from([1, 0x61, ...value])));
    const start = prelude(12 + head.length + 4, head.length);
    const trailer = Buffer.alloc(4);
    trailer.writeUInt32BE(crc32(head, crc32(start)));
    expect(framesIn(Buffer.concat([start, head, trailer]), []).read).toEqual([{ headers: { a: 'ok' }, payload: '' }]);
  });

  it('holds few objects for very many small pieces', () => {
    const frame = eventFrame(headers, Buffer.alloc(20_000, 0x61));
    const { read } = framesIn(frame, Array<number>(frame.length).fill(1));
    expect(read[0]?.payload).toHaveLength(20_000);
  });
});
