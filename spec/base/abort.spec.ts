import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LinkPool, linkedController, raceAbort, stayingController } from '../../lib/base/abort.ts';
import { Notifier } from '../../lib/base/notifier.ts';

const listenersOf = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('a staying controller', () => {
  it('is never without a listener, whoever comes and goes, and so makes no new table for its listeners', async () => {
    const { signal } = stayingController();
    expect(listenersOf(signal)).toBe(1);
    const notifier = new Notifier();
    const waited = notifier.wait(signal);
    {
      using _linked = linkedController(signal);
      expect(listenersOf(signal)).toBe(3);
    }
    notifier.notify();
    await waited;
    await raceAbort(Promise.resolve(), signal);
    expect(listenersOf(signal)).toBe(1);
  });

  it('aborts like any other', () => {
    const controller = stayingController();
    using linked = linkedController(controller.signal);
    const reason = new Error('over');
    controller.abort(reason);
    expect(controller.signal.reason).toBe(reason);
    expect(linked.signal.reason).toBe(reason);
  });
});

describe('a linked controller', () => {
  it('stays too', () => {
    using linked = linkedController();
    expect(listenersOf(linked.signal)).toBe(1);
  });
});

describe('a pool of linked controllers', () => {
  const parents = () => [new AbortController(), new AbortController()] as const;

  it('gives the next work of the same parents the controller of the last', () => {
    const pool = new LinkPool();
    const [shard, run] = parents();
    const first = pool.take('shard', shard.signal, run.signal);
    const beside = pool.take('shard', shard.signal, run.signal);
    expect(beside.signal).not.toBe(first.signal);
    first[Symbol.dispose]();
    beside[Symbol.dispose]();
    const second = pool.take('shard', shard.signal, run.signal);
    expect(second.signal).toBe(beside.signal);
    expect(pool.take('other', shard.signal, run.signal).signal).not.toBe(second.signal);
    const reason = new Error('lost');
    shard.abort(reason);
    expect(second.signal.reason).toBe(reason);
  });

  it('gives none away that somebody still listens to', () => {
    const pool = new LinkPool();
    const [shard, run] = parents();
    const first = pool.take('shard', shard.signal, run.signal);
    let heard = 0;
    first.signal.addEventListener('abort', () => (heard += 1));
    first[Symbol.dispose]();
    expect(pool.take('shard', shard.signal, run.signal).signal).not.toBe(first.signal);
    run.abort(new Error('over'));
    // Its work was over before.
    expect(heard).toBe(0);
  });

  it('gives none away of other parents, or that has aborted, and leaves no listener with a parent', () => {
    const pool = new LinkPool();
    const [shard, run] = parents();
    const next = new AbortController();
    const first = pool.take('shard', shard.signal, run.signal);
    first[Symbol.dispose]();
    const second = pool.take('shard', next.signal, run.signal);
    expect(second.signal).not.toBe(first.signal);
    expect(listenersOf(shard.signal)).toBe(0);
    expect(listenersOf(run.signal)).toBe(1);
    second.abort(new Error('enough'));
    second[Symbol.dispose]();
    expect(listenersOf(run.signal)).toBe(0);
    expect(pool.take('shard', next.signal, run.signal).signal.aborted).toBe(false);
  });
});
