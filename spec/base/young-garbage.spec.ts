import { PerformanceObserver, constants } from 'node:perf_hooks';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../lib/base/turn.ts';
import { youngCollector } from '../../lib/base/young-garbage.ts';

/** What Node tells of a collection. */
interface GcEntry {
  readonly detail: { readonly kind: number };
}

describe('the collector of young objects', () => {
  it('has V8 collect those alone', async () => {
    const kinds: unknown[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) kinds.push((entry as unknown as GcEntry).detail.kind);
    });
    const collect = youngCollector();
    observer.observe({ entryTypes: ['gc'] });
    for (let time = 0; time < 20; time += 1) collect?.();
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    observer.disconnect();
    expect(kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length).toBeGreaterThanOrEqual(20);
    // V8 may find the time for one of its own.
    expect(kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MAJOR).length).toBeLessThan(5);
  });

  it('frees the bytes of a buffer that was dropped', async () => {
    const collect = youngCollector();
    const bytes = 64 * 1024 * 1024;
    const used = async () => {
      // The bytes are freed by another thread; the next collection waits for that.
      for (let time = 0; time < 3; time += 1) {
        await nextTurn();
        collect?.();
      }
      return process.memoryUsage().arrayBuffers;
    };
    const take = () => new Uint8Array(bytes).fill(1).length;
    const before = await used();
    expect(take()).toBe(bytes);
    expect(process.memoryUsage().arrayBuffers).toBeGreaterThan(before + bytes / 2);
    expect(await used()).toBeLessThan(before + bytes / 2);
  });

  it('leaves nothing of the flag behind', () => {
    youngCollector();
    expect(runInNewContext('typeof gc')).toBe('undefined');
  });
});
