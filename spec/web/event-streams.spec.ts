import { createServer } from 'node:http';
import { type Socket, connect } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../lib/testkit/virtual-clock.ts';
import { EventStreams, stalledStreamMillis, tellIntervalMillis } from '../../lib/web/event-streams.ts';
import { PageStates } from '../../lib/web/page-state.ts';
import { serveUi } from '../../lib/web/server.ts';
import { shardName, tellShards, toldSource } from './sources.ts';

const atEnd: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of atEnd.splice(0).reverse()) await end();
});

/** A browser's end of a connection, without the kernel's buffers: what is written waits until the browser takes it. */
class Browser extends Duplex {
  text = '';
  #taken: (() => void) | undefined;
  #isQuick: boolean;

  constructor(isQuick: boolean) {
    super({ highWaterMark: 16_384 });
    this.#isQuick = isQuick;
    this.on('error', () => {});
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    if (this.#isQuick) done();
    else this.#taken = done;
  }

  /** Takes what waits, and from now on everything. */
  takeAll(): void {
    this.#isQuick = true;
    this.#taken?.();
  }

  get events(): (string | undefined)[] {
    return [...this.text.matchAll(/^event: (\w+)$/gm)].map((match) => match[1]);
  }
}

/** Streams over a real HTTP server whose connections are made by hand. */
function streamsOf(shards: number) {
  const source = toldSource();
  tellShards(source, shards);
  const clock = new VirtualClock();
  const states = new PageStates();
  let reads = 0;
  const read = () => {
    reads += 1;
    return states.of(source.snapshot());
  };
  const streams = new EventStreams({ clock, read });
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    streams.add(response);
  });
  atEnd.push(() => streams[Symbol.dispose]());
  const follow = async (isQuick: boolean): Promise<Browser> => {
    const browser = new Browser(isQuick);
    server.emit('connection', browser);
    browser.push('GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const before = streams.count;
    while (streams.count === before) await turn();
    return browser;
  };
  /** Something is read, and the next second is told. */
  const tick = async (shard = 0) => {
    source.tell({ type: 'shard.read', shardId: shardName(shard), records: 1, bytes: 5, millisBehindLatest: 0 });
    await clock.advance(tellIntervalMillis);
    await turn();
  };
  return { clock, source, streams, follow, tick, reads: () => reads };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('a browser that follows', () => {
  it('gets a whole state, then changes, and the time when nothing happens', async () => {
    const { clock, tick, follow } = streamsOf(3);
    const browser = await follow(true);
    expect(browser.events).toEqual(['state']);
    await tick();
    expect(browser.events).toEqual(['state', 'change']);
    for (let second = 0; second < 6; second += 1) await clock.advance(tellIntervalMillis);
    expect(browser.events).toEqual(['state', 'change', 'change']);
  });

  it('is given one whole state only when it takes it late and nothing came meanwhile', async () => {
    const { clock, tick, follow } = streamsOf(100);
    const browser = await follow(false);
    await clock.advance(tellIntervalMillis);
    browser.takeAll();
    await turn();
    await tick();
    expect(browser.events).toEqual(['state', 'change']);
  });

  it('gets a whole state instead of what came while it did not take the last one', async () => {
    const { tick, follow } = streamsOf(100);
    const browser = await follow(false);
    for (let second = 0; second < 5; second += 1) await tick(second);
    browser.takeAll();
    await turn();
    await tick(6);
    await tick(7);
    expect(browser.events).toEqual(['state', 'state', 'change']);
  });

  it('is forgotten when it goes, and with the last one nothing is read any more', async () => {
    const { clock, follow, streams, reads } = streamsOf(1);
    const browser = await follow(true);
    expect(streams.count).toBe(1);
    browser.destroy();
    await turn();
    expect(streams.count).toBe(0);
    const before = reads();
    for (let second = 0; second < 5; second += 1) await clock.advance(tellIntervalMillis);
    expect(reads()).toBe(before);
  });
});

describe('200 browsers that take nothing', () => {
  it('cost bounded memory, are let go after half a minute, and harm nobody who keeps up', async () => {
    const { clock, tick, follow, streams } = streamsOf(100);
    const quick = await follow(true);
    const slow: Browser[] = [];
    while (!streams.isFull) slow.push(await follow(false));
    expect(slow).toHaveLength(199);
    const waiting = () => slow.map((browser) => browser.writableLength);
    const before = waiting();
    for (let second = 0; second < 10; second += 1) await tick(second);
    // What came meanwhile waits for nobody: neither in the connection nor beside it.
    expect(waiting()).toEqual(before);
    expect(Math.max(...before)).toBeLessThan(200_000);
    expect(slow.filter(({ events }) => events.length > 1)).toEqual([]);
    expect(quick.events).toEqual(['state', ...Array.from({ length: 10 }, () => 'change')]);

    for (let told = 0; told <= stalledStreamMillis; told += tellIntervalMillis) await tick();
    expect(streams.count).toBe(1);
    expect(slow.filter(({ destroyed }) => !destroyed)).toEqual([]);
    expect(quick.destroyed).toBe(false);
    expect(clock.monotonicMillis()).toBeGreaterThan(stalledStreamMillis);
  });

  it('keep the 201st out, over real sockets too', async () => {
    const source = toldSource();
    tellShards(source, 10);
    const token = 'a-token-of-the-tests-0123456789';
    const clock = new VirtualClock();
    const options = { host: '127.0.0.1', port: 0, token, allowedHosts: [], clock, assets: new Map() };
    const server = await serveUi(source, options);
    atEnd.push(() => server[Symbol.asyncDispose]());
    const open = (): Socket => {
      const socket = connect(server.port, '127.0.0.1');
      atEnd.push(() => socket.destroy());
      socket.on('error', () => {});
      socket.write(`GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`);
      return socket;
    };
    for (let one = 0; one < 200; one += 1) open().pause();
    const end = Date.now() + 15_000;
    while (server.streams < 200 && Date.now() < end) await turn();
    expect(server.streams).toBe(200);
    const answer = await new Promise<string>((resolve) => open().once('data', (data) => resolve(data.toString())));
    expect(answer.split('\r\n')[0]).toContain(' 503 ');
  });
});
