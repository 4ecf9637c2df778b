import { describe, expect, it } from 'vitest';
import { freeBytes } from '../../lib/base/free-bytes.ts';

describe('freeBytes', () => {
  it('frees pieces that have their memory to themselves, without waiting for a collection', () => {
    const before = process.memoryUsage().arrayBuffers;
    const pieces = Array.from({ length: 16 }, () => Buffer.allocUnsafeSlow(4 * 1024 * 1024));
    expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(60_000_000);
    freeBytes(pieces);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(30_000_000);
    expect(pieces.map((piece) => piece.byteLength)).toEqual(pieces.map(() => 0));
  });

  it('leaves alone what shares its memory', () => {
    const whole = new Uint8Array([1, 2, 3, 4]);
    const part = whole.subarray(1);
    const pooled = Buffer.from('from the pool');
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    freeBytes([part, pooled, shared, new Uint8Array(0)]);
    expect([...whole]).toEqual([1, 2, 3, 4]);
    expect(pooled.toString()).toBe('from the pool');
    expect(shared.byteLength).toBe(4);
  });

  it('leaves to the collector what cannot be taken', () => {
    // The pool itself: Node does not let it go.
    const pool = new Uint8Array(Buffer.from('from the pool').buffer);
    freeBytes([pool]);
    expect(pool.byteLength).toBe(Buffer.poolSize);
    expect(Buffer.from('the pool goes on').toString()).toBe('the pool goes on');
  });
});
