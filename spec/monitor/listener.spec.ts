import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../lib/base/turn.ts';
import { EventBus } from '../../lib/event/bus.ts';
import { listenerQueueCapacity } from '../../lib/monitor/listener-queue.ts';
import type { StreamingListener } from '../../lib/monitor/listener.ts';
import { tellListener } from '../../lib/monitor/streaming-listener.ts';

const stopped = { type: 'worker.stopped', workerIdentifier: 'w' } as const;
const batch = { group: 'application', batchTimeMillis: 1_000, records: 3, blocks: 1 };

function listening(listener: StreamingListener) {
  const bus = new EventBus();
  let now = 1_000;
  const end = tellListener(bus, listener, { wallMillis: () => (now += 1), location: 'host-a' });
  return { bus, end };
}

describe('a streaming listener', () => {
  it("hears a batch with Spark's callbacks and fields, in order", async () => {
    const heard: unknown[] = [];
    const note = (name: string) => (told: object) => void heard.push([name, told]);
    const { bus } = listening({
      onBatchSubmitted: note('submitted'),
      onBatchStarted: note('started'),
      onOutputOperationCompleted: note('output'),
      onBatchCompleted: note('completed'),
    });
    const inputs = [{ streamName: 's', shardId: 'a', tenure: 2, after: '1:0', through: '4:0', records: 3 }];
    const output = { group: 'application', batchId: 9, batchTimeMillis: 1_000, outputId: 0, name: 'print at a.ts:1' };
    bus.publish({ type: 'batch.submitted', ...batch });
    bus.publish({ type: 'batch.started', batchId: 9, ...batch, inputs });
    bus.publish({ type: 'output.started', ...output, attempt: 1 });
    bus.publish({ type: 'output.completed', ...output, attempt: 1, durationMillis: 4, failureReason: 'no disk' });
    bus.publish({
      type: 'batch.dropped',
      group: 'application',
      batchTimeMillis: 1_000,
      reason: 'failed',
      message: 'gone',
    });
    expect(heard).toEqual([]);
    await nextTurn();
    await nextTurn();
    expect(heard.map((one) => (one as [string])[0])).toEqual(['submitted', 'started', 'output', 'completed']);
    expect(heard[1]).toMatchObject([
      'started',
      {
        batchInfo: {
          batchTime: 1_000,
          numRecords: 3,
          processingEndTime: undefined,
          streamIdToInputInfo: { s: { numRecords: 3, metadata: { Description: 'a@2 (1:0, 4:0]' } } },
        },
      },
    ]);
    expect(heard[2]).toMatchObject([
      'output',
      { outputOperationInfo: { id: 0, duration: 4, failureReason: 'no disk' } },
    ]);
    expect(heard[3]).toMatchObject(['completed', { batchInfo: { batchId: 9, failureReason: 'gone' } }]);
  });

  it('harms nobody by throwing or rejecting, and hears what follows', async () => {
    const others: string[] = [];
    let calls = 0;
    const { bus } = listening({
      onEvent: () => {
        calls += 1;
        if (calls === 1) throw new Error('bad');
        return Promise.reject(new Error('worse'));
      },
    });
    bus.subscribe(({ type }) => others.push(type));
    for (let index = 0; index < 3; index += 1) bus.publish(stopped);
    expect(others).toHaveLength(3);
    await nextTurn();
    await nextTurn();
    expect(calls).toBe(3);
  });

  it('does not hold up the work when it is slow, and loses only the oldest of what waits', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const heard: number[] = [];
    const { bus } = listening({
      onEvent: async (event) => {
        heard.push(event.type === 'clock.skewed' ? event.skewMillis : -1);
        await gate;
      },
    });
    bus.publish({ type: 'clock.skewed', skewMillis: 0 });
    await nextTurn();
    for (let skewMillis = 1; skewMillis <= listenerQueueCapacity + 5; skewMillis += 1) {
      bus.publish({ type: 'clock.skewed', skewMillis });
    }
    expect(heard).toEqual([0]);
    release();
    await nextTurn();
    expect(heard.slice(0, 3)).toEqual([0, 6, 7]);
    expect(heard).toHaveLength(listenerQueueCapacity + 1);
  });

  it('hears nothing after its end', async () => {
    const heard: string[] = [];
    const { bus, end } = listening({ onEvent: ({ type }) => void heard.push(type) });
    bus.publish(stopped);
    end();
    bus.publish(stopped);
    await nextTurn();
    expect(heard).toEqual([]);
  });
});
