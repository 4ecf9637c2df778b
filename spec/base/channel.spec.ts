import { describe, expect, it } from 'vitest';
import { Channel } from '../../lib/base/channel.ts';

const drainOf = async <T>(channel: Channel<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of channel) items.push(item);
  return items;
};

describe('Channel', () => {
  it('hands items out in the order of their sending', async () => {
    const channel = new Channel<number>();
    for (let item = 0; item < 1_000; item += 1) channel.send(item);
    channel.close();
    expect(await drainOf(channel)).toEqual(Array.from({ length: 1_000 }, (_, item) => item));
  });

  it('drops what nobody wants any more, and keeps the order of the rest', async () => {
    const channel = new Channel<number>();
    for (let item = 0; item < 200; item += 1) channel.send(item);
    for (let taken = 0; taken < 70; taken += 1) channel.takeNow();
    channel.drop((item) => item % 2 === 0);
    expect(channel.size).toBe(65);
    channel.send(200);
    channel.close();
    const odd = Array.from({ length: 65 }, (_, index) => 71 + 2 * index);
    expect(await drainOf(channel)).toEqual([...odd, 200]);
  });

  it('wakes a reader that waits', async () => {
    const channel = new Channel<string>();
    const next = channel.next();
    channel.send('a');
    expect(await next).toEqual({ done: false, value: 'a' });
  });

  it('hands out what was sent before it was closed, and takes nothing after', async () => {
    const channel = new Channel<string>();
    channel.send('a');
    channel.close();
    expect(channel.send('b')).toBe(false);
    expect(await drainOf(channel)).toEqual(['a']);
  });

  it('drops its items and rejects its readers when it fails', async () => {
    const channel = new Channel<string>();
    const waiting = channel.next();
    const reason = new Error('broken');
    channel.fail(reason);
    await expect(waiting).rejects.toBe(reason);
    channel.send('late');
    await expect(channel.next()).rejects.toBe(reason);
  });

  it('drops a tail that was closed but not read when it fails afterwards', async () => {
    const channel = new Channel<string>();
    channel.send('a');
    channel.close();
    channel.fail(new Error('broken'));
    await expect(channel.next()).rejects.toThrow('broken');
  });

  it('goes on after a loop over it was left', async () => {
    const channel = new Channel<number>();
    channel.send(1);
    channel.send(2);
    for await (const item of channel) {
      expect(item).toBe(1);
      break;
    }
    channel.close();
    expect(await drainOf(channel)).toEqual([2]);
  });

  it('keeps no items that were taken, however many pass through', () => {
    const channel = new Channel<number>();
    for (let item = 0; item < 10_000; item += 1) {
      channel.send(item);
      channel.send(item);
      channel.takeNow();
      channel.takeNow();
    }
    expect(channel.size).toBe(0);
    expect(channel.takeNow()).toBeUndefined();
  });
});
