import type { ServerResponse } from 'node:http';
import type { CancelTimer, Clock } from '../base/clock.ts';
import { type PageChange, changeBetween } from './change.ts';
import type { PageState } from './page-state.ts';

/** How many browsers may follow at a time. */
export const maximumStreams = 200;

/** How often those who follow are told, milliseconds. */
export const tellIntervalMillis = 1_000;

/**
 * However large the application: for every millisecond that telling takes, so many pass without. On a machine that is busy
 * with records those who look are told less often.
 */
const pauseFactor = 50;

/** After so long without a change they are told the time, so that they see the connection live. */
export const quietMillis = 5_000;

/** A browser that takes nothing for so long is let go; it connects again by itself and gets a whole state. */
export const stalledStreamMillis = 30_000;

/** What the streams need. */
export interface EventStreamsOptions {
  readonly clock: Clock;
  /** The state of now. */
  readonly read: () => PageState;
}

/**
 * One browser. `current`: it has everything so far. `writing`: the last message is still on its way to it, and nothing came
 * since. `behind`: something came meanwhile and is not kept for it; it gets a whole state once it has taken that message.
 */
type Follower =
  | { readonly tag: 'current' }
  | { readonly tag: 'writing'; readonly sinceMillis: number }
  | { readonly tag: 'behind'; readonly sinceMillis: number };

/**
 * Tells browsers what changes, as server-sent events: a `state` first, then a `change` a second where something changed.
 * Memory is bounded, however slow they are: a message is one buffer for all, a browser has at most one on its way, and what
 * it misses meanwhile is not kept. While nobody follows, nothing is read.
 */
export class EventStreams implements Disposable {
  readonly #clock: Clock;
  readonly #read: () => PageState;
  readonly #followers = new Map<ServerResponse, Follower>();
  #last: PageState | undefined;
  #toldAtMillis = 0;
  #cancelTimer: CancelTimer | undefined;

  constructor({ clock, read }: EventStreamsOptions) {
    this.#clock = clock;
    this.#read = read;
  }

  /** How many browsers follow. */
  get count(): number {
    return this.#followers.size;
  }

  /** Whether as many follow as may. */
  get isFull(): boolean {
    return this.#followers.size >= maximumStreams;
  }

  /** Takes a browser in, whose headers are sent, unless {@link isFull}. */
  add(response: ServerResponse): void {
    response.on('close', () => this.#remove(response));
    response.on('error', () => this.#remove(response));
    this.#last ??= this.#read();
    this.#send(response, message('state', this.#last));
    this.#cancelTimer ??= this.#wait(0);
  }

  [Symbol.dispose](): void {
    this.#cancelTimer?.();
    for (const response of this.#followers.keys()) response.destroy();
    this.#followers.clear();
  }

  #wait(costMillis: number): CancelTimer {
    const delayMillis = Math.max(tellIntervalMillis, pauseFactor * costMillis);
    return this.#clock.timer(delayMillis, () => this.#tell(), { keepAlive: false });
  }

  #tell(): void {
    if (this.#followers.size === 0) return;
    const begunMillis = this.#clock.monotonicMillis();
    const before = this.#last;
    const state = this.#read();
    this.#last = state;
    const change = before === undefined ? undefined : changeBetween(before, state);
    this.#tellAll(state, change);
    this.#cancelTimer = this.#wait(this.#clock.monotonicMillis() - begunMillis);
  }

  #tellAll(state: PageState, change: PageChange | undefined): void {
    const nowMillis = this.#clock.monotonicMillis();
    const isNews = change === undefined || hasNews(change);
    const isDue = isNews || nowMillis - this.#toldAtMillis >= quietMillis;
    if (isDue) this.#toldAtMillis = nowMillis;
    const news = isDue && change !== undefined ? message('change', change) : undefined;
    let whole: Buffer | undefined;
    for (const [response, follower] of this.#followers) {
      const isFree = !response.writableNeedDrain;
      if (follower.tag === 'behind' && isFree) {
        whole ??= message('state', state);
        this.#send(response, whole);
      } else if (isFree) {
        if (news !== undefined) this.#send(response, news);
      } else {
        this.#hold(response, follower, isNews);
      }
    }
  }

  /** Sends nothing to a browser that has not taken the last message yet. */
  #hold(response: ServerResponse, follower: Follower, isNews: boolean): void {
    if (follower.tag === 'current') return;
    const { sinceMillis } = follower;
    if (this.#clock.monotonicMillis() - sinceMillis >= stalledStreamMillis) response.destroy();
    else if (isNews) this.#followers.set(response, { tag: 'behind', sinceMillis });
  }

  #send(response: ServerResponse, bytes: Buffer): void {
    const isTaken = response.write(bytes);
    const sinceMillis = this.#clock.monotonicMillis();
    this.#followers.set(response, isTaken ? { tag: 'current' } : { tag: 'writing', sinceMillis });
  }

  #remove(response: ServerResponse): void {
    this.#followers.delete(response);
    if (this.#followers.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#last = undefined;
  }
}

function hasNews({ values, lists, pasts }: PageChange): boolean {
  return values !== undefined || lists !== undefined || pasts !== undefined;
}

function message(event: 'state' | 'change', data: PageState | PageChange): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
