import diagnosticsChannel from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { EventBus, diagnosticsChannelName } from '../../lib/event/bus.ts';
import type { MillraceEvent } from '../../lib/event/event.ts';

const event: MillraceEvent = { type: 'worker.stopped', workerIdentifier: 'a' };

describe('EventBus', () => {
  it('tells every listener until it is removed', () => {
    const bus = new EventBus();
    const heard: string[] = [];
    const remove = bus.subscribe(() => heard.push('first'));
    bus.subscribe(() => heard.push('second'));
    bus.publish(event);
    remove();
    bus.publish(event);
    expect(heard).toEqual(['first', 'second', 'second']);
  });

  it('goes on when a listener throws, and counts it', () => {
    const bus = new EventBus();
    const heard: MillraceEvent[] = [];
    bus.subscribe(() => {
      throw new Error('bad listener');
    });
    bus.subscribe((one) => heard.push(one));
    bus.publish(event);
    expect([heard, bus.listenerFaults]).toEqual([[event], 1]);
  });

  it('mirrors events onto the diagnostics channel', () => {
    const heard: unknown[] = [];
    const listener = (message: unknown) => heard.push(message);
    diagnosticsChannel.subscribe(diagnosticsChannelName, listener);
    new EventBus().publish(event);
    diagnosticsChannel.unsubscribe(diagnosticsChannelName, listener);
    expect(heard).toEqual([event]);
  });
});
