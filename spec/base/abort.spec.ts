import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { linkedController, raceAbort, stayingController } from '../../lib/base/abort.ts';
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
