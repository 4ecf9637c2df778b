import { get } from 'node:http';
import { sleep, systemClock } from '../../lib/base/clock.ts';
import { tellIntervalMillis } from '../../lib/web/event-streams.ts';
import { dueIn } from './schedule.ts';

/**
 * How often each watcher's `/metrics` is scraped: a third of the 15 seconds that are common, of the minute that Prometheus
 * has by default a twelfth.
 */
export const scrapeMillis = 5_000;

/** Those who look at the pages; what they do costs this process, and not the one that is measured. */
export interface Lookers {
  readonly followedBytes: number;
  readonly scrapes: number;
  /** Scrapes what is due in a slice of watched time that begins now. */
  pass(millis: number): Promise<void>;
  stop(): void;
}

/** Has so many browsers follow each page, each page's at another part of the second. */
export async function look(addresses: readonly string[], browsers: number): Promise<Lookers> {
  const pages = addresses.map((address) => new URL(address));
  const told = { followedBytes: 0, scrapes: 0 };
  const streams: ReturnType<typeof get>[] = [];
  for (const [index, page] of pages.entries()) {
    if (index > 0) await sleep(systemClock, tellIntervalMillis / pages.length);
    for (let browser = 0; browser < browsers; browser += 1) {
      streams.push(follow(page, (bytes) => (told.followedBytes += bytes)));
    }
  }
  const scrape = async (page: URL | undefined, atMillis: number) => {
    await sleep(systemClock, atMillis);
    const answer = await fetch(new URL('/metrics', page));
    if ((await answer.text()).includes('millrace_')) told.scrapes += 1;
  };
  let watchedMillis = 0;
  return {
    get followedBytes() {
      return told.followedBytes;
    },
    get scrapes() {
      return told.scrapes;
    },
    async pass(millis) {
      const slice = { fromMillis: watchedMillis, millis };
      watchedMillis += millis;
      const due = dueIn(slice, pages.length, scrapeMillis);
      await Promise.all(due.map(({ watcher, atMillis }) => scrape(pages[watcher], atMillis)));
    },
    stop() {
      for (const stream of streams) stream.destroy();
    },
  };
}

function follow(page: URL, onBytes: (bytes: number) => void): ReturnType<typeof get> {
  const headers = { authorization: `Bearer ${page.hash.replace('#token=', '')}` };
  const stream = get(new URL('/events', page), { headers }, (answer) => {
    answer.on('data', (data: Buffer) => onBytes(data.length));
  });
  return stream.on('error', () => {});
}
