import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tellShards, toldSource } from '../web/sources.ts';
import { type OpenedPage, executablePath, goTo, hasBrowser, launch, open, serve, token, traced } from './browser.ts';
import { busySource, hostileSource, hostileTexts } from './scenario.ts';

if (!hasBrowser) console.log(`skipped: there is no browser at ${executablePath}; bash spec/browser/setup.sh gets one`);

let browser: Browser;

describe.skipIf(!hasBrowser)('the page', () => {
  beforeAll(async () => {
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
  });

  const titles = ['Streaming', 'Stages', 'Shards', 'Leases', 'State and commits', 'Configuration', 'Alerts'];
  const text = (page: Page) => page.locator('main').innerText();
  const table = (page: Page, label: string) => page.getByRole('region', { name: label, exact: true });

  /** The cells of the rows that a table shows, its heading first. */
  const cells = (page: Page, label: string) =>
    table(page, label)
      .locator('tr:not(.gap)')
      .evaluateAll((rows) =>
        rows.map((row) =>
          Array.from(row.children, (cell) => (cell as HTMLElement).innerText.replaceAll('\n', ' ').trim()),
        ),
      );

  async function opened(source = busySource(), options: Parameters<typeof open>[2] = {}) {
    const server = await serve(source);
    const one: OpenedPage = await open(browser, server.url, options);
    await one.page.locator('main').waitFor();
    return {
      ...one,
      server,
      source,
      [Symbol.asyncDispose]: async () => {
        await one[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  }

  describe('shows', () => {
    it("the talk's tables: receivers and the batches' six columns", async () => {
      await using one = await opened();
      const { page } = one;
      expect(await page.locator('.summary').innerText()).toMatch(
        /^Running batches of 1 s for 2 min since \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d \(117 completed batches, [\d,]+ records\)/,
      );
      const [receiverHeads, first, second] = await cells(page, 'Receivers');
      expect(receiverHeads?.map((head) => head.replace(/\[\d.*\]/, '[time]'))).toEqual([
        'Receiver',
        'Status',
        'Location',
        'Shards',
        'Records in last batch [time]',
        'Minimum rate [records/sec]',
        'Median rate [records/sec]',
        'Maximum rate [records/sec]',
        'Last Error',
      ]);
      expect(first?.slice(0, 3)).toEqual(['KinesisReceiver-0 orders', 'ACTIVE', 'host-1']);
      expect(second?.[3]).toBe('idle standby');
      const statistics = await cells(page, 'Batch processing statistics');
      expect(statistics[0]).toEqual([
        'Metric',
        'Last batch',
        'Minimum',
        '25th percentile',
        'Median',
        '75th percentile',
        'Maximum',
      ]);
      expect(statistics.slice(1).map(([metric]) => metric)).toEqual([
        'Processing Time',
        'Scheduling Delay',
        'Total Delay',
      ]);
      expect(statistics[1]).toEqual(['Processing Time', '25 ms', '20 ms', '25 ms', '35 ms', '45 ms', '50 ms']);
      expect(one.complaints).toEqual([]);
    });

    it('timelines and histograms, drawn and with values under the cursor', async () => {
      await using one = await opened();
      const { page } = one;
      const charts = page.locator('.chart-row');
      expect(await charts.count()).toBe(5);
      expect(await page.locator('.histogram rect').count()).toBe(60);
      await charts.nth(2).locator('.u-over').hover();
      await expect.poll(() => charts.nth(2).locator('.tip').innerText()).toMatch(/^\d+ ms · \d\d:\d\d:\d\d$/);
      const inked = await charts
        .nth(2)
        .locator('canvas')
        .evaluate((canvas: HTMLCanvasElement) => {
          const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value) => value !== 0);
        });
      expect(inked).toBe(true);
    });

    it('active and completed batches, and one batch with its ranges, outputs and error', async () => {
      await using one = await opened();
      const { page } = one;
      expect((await cells(page, 'Active batches')).slice(1).map((row) => row.at(-2))).toEqual(['processing', 'queued']);
      const failed = table(page, 'Completed batches').locator('tr.row-bad').first();
      await failed.getByRole('link').click();
      await page.getByRole('heading', { name: /^Batch of/ }).waitFor();
      expect(await page.locator('.error-box').innerText()).toContain(
        'Error: the sink refused batch 111\n    at write (sink.ts:12:7)',
      );
      const [, output] = await cells(page, 'Outputs');
      expect(output).toMatchObject({ 0: '0', 1: 'foreachBatch at counts.ts:12', 4: 'failed' });
      const ranges = await cells(page, 'Ranges');
      expect(ranges[0]).toEqual(['Stream', 'Shard', 'Tenure', 'Records', 'After', 'Through']);
      expect(ranges[1]).toEqual(['orders', 'shardId-000000000000', '1', '237', 'TRIM_HORIZON', '495900000111:0']);
      await page.getByRole('link', { name: 'All batches' }).click();
      await table(page, 'Completed batches').waitFor();
    });

    it('the table of stages', async () => {
      await using one = await opened();
      await goTo(one.page, 'Stages');
      const [heads, stage] = await cells(one.page, 'Completed stages');
      expect(heads).toEqual([
        'Stage Id',
        'Description',
        'Submitted',
        'Duration',
        'Tasks: Succeeded/Total',
        'Input',
        'Shuffle Read',
        'Shuffle Write',
        'Error',
      ]);
      expect(stage?.slice(0, 2)).toEqual(['119', 'foreachBatch at counts.ts:12']);
      expect((await cells(one.page, 'Active stages'))[1]?.[4]).toBe('0/1');
      expect((await cells(one.page, 'Failed stages')).length).toBe(4);
      expect(await text(one.page)).toContain('FIFO');
    });

    it('shards with their lineage, and one of them', async () => {
      await using one = await opened();
      const { page } = one;
      await goTo(page, 'Shards');
      const picture = page.getByRole('region', { name: 'Lineage of shards' });
      expect(await picture.locator('path.edge').count()).toBe(6);
      expect(await picture.locator('a').count()).toBe(7);
      expect((await cells(page, 'Shards'))[6]?.slice(0, 5)).toEqual([
        'shardId-000000000005',
        'reading',
        'worker-a:4711:0badcafe',
        '6',
        '1 min 14 s',
      ]);
      await picture.locator('a').filter({ hasText: '…026' }).click();
      await page.getByRole('heading', { name: 'shardId-000000000026' }).waitFor();
      expect(await page.locator('.facts').innerText()).toContain('shardId-000000000025, shardId-000000000021');
      await page.goto(page.url().replace(/#.*/, `#/shards/${encodeURIComponent('orders shardId-000000000007')}`));
      await expect
        .poll(() => page.locator('.error-box').innerText())
        .toContain('TypeError: order.total is not a function');
    });

    it('leases: who owns what and what moves, live', async () => {
      await using one = await opened();
      const { page, source } = one;
      await goTo(page, 'Leases');
      expect(await page.getByRole('list', { name: 'Leases by owner' }).innerText()).toMatch(
        /worker-a:4711:0badcafe this worker\s+28/,
      );
      expect(await table(page, 'Leases').locator('tr.row-warn, td').filter({ hasText: '→ worker-c' }).count()).toBe(0);
      await page.getByRole('searchbox', { name: 'Filter Leases' }).fill('0044');
      expect((await cells(page, 'Leases'))[1]?.[3]).toBe('→ worker-c:99:22222222');
      source.tell({
        type: 'lease.handoff',
        leaseKey: 'shardId-000000000046',
        from: 'worker-b:812:11111111',
        to: 'worker-a:4711:0badcafe',
      });
      await expect
        .poll(async () => (await cells(page, 'Moves'))[1]?.slice(1, 3))
        .toEqual(['handoff', 'shardId-000000000046']);
    });

    it('state and commits, configuration and alerts', async () => {
      await using one = await opened();
      const { page } = one;
      await goTo(page, 'State and commits');
      expect((await cells(page, 'Commit groups'))[1]).toMatchObject({
        0: 'application',
        1: '120',
        5: '1',
        6: 'old-counts',
      });
      await goTo(page, 'Configuration');
      await page.getByRole('searchbox').fill('maxrec');
      expect((await cells(page, 'Configuration of KinesisReceiver-0 · orders')).slice(1)).toEqual([
        ['maxRecords', '10000', 'default'],
      ]);
      await goTo(page, 'Alerts');
      const [, first] = await cells(page, 'Alerts');
      expect(first).toMatchObject({
        0: 'Far behind the tip iteratorAge',
        1: 'orders:shardId-000000000005',
        3: '1 min 14 s',
        4: '1 min',
      });
      expect(await page.title()).toBe('(2) Alerts · word-count · Millrace');
      one.source.tell({ type: 'alert.cleared', alert: 'iteratorAge', subject: 'orders:shardId-000000000005' });
      await expect.poll(async () => (await cells(page, 'Alerts')).length).toBe(2);
    });

    it('each view empty, of a program that has just begun', async () => {
      await using one = await opened(toldSource());
      for (const title of titles) {
        await goTo(one.page, title);
        expect(await text(one.page), title).not.toBe('');
      }
      expect(await text(one.page)).toContain('Nothing is wrong');
      await goTo(one.page, 'Shards');
      expect(await text(one.page)).toContain('No shard is held');
      expect(one.complaints).toEqual([]);
    });
  });

  describe('is safe', () => {
    it('shows texts of strangers as they are and runs none of them, in every view', async () => {
      await using one = await opened(hostileSource());
      const { page } = one;
      for (const title of titles) {
        await goTo(page, title);
        await page.waitForFunction(() => document.querySelector('main')?.textContent !== '');
        const found = await page.evaluate(() => ({
          harmed: (window as { harmed?: number }).harmed,
          markup: document.querySelectorAll('main img, main script, main svg[onload], a[href^="javascript:"]').length,
        }));
        expect(found, title).toEqual({ harmed: undefined, markup: 0 });
      }
      await goTo(page, 'Alerts');
      for (const hostile of hostileTexts.slice(0, 6)) expect(await text(page)).toContain(hostile);
      await goTo(page, 'Streaming');
      await table(page, 'Completed batches').locator('a').first().click();
      await expect.poll(() => page.locator('.error-box').innerText()).toContain('key');
      await goTo(page, 'Shards');
      await table(page, 'Shards').locator('a').filter({ hasText: 'onerror' }).first().click();
      await expect.poll(() => page.locator('.error-box').innerText()).toContain(`partition key ${hostileTexts[0]}`);
      expect(await page.evaluate(() => (window as { harmed?: number }).harmed)).toBeUndefined();
      expect(one.complaints).toEqual([]);
    });

    it('asks nobody but its own server', async () => {
      await using one = await opened();
      for (const title of titles) await goTo(one.page, title);
      expect(one.requests.length).toBeGreaterThan(5);
      expect(one.requests.filter((url) => !url.startsWith(`http://127.0.0.1:${one.server.port}/`))).toEqual([]);
    });

    it('is closed to a name that a stranger points at this machine', async () => {
      await using server = await serve(busySource());
      await using one = await open(browser, `http://evil.example:${server.port}/`);
      expect(await one.page.locator('body').innerText()).toContain('this Host is not known here');
      const status = await one.page.evaluate(async () => (await fetch('/api/v1/applications')).status);
      expect(status).toBe(421);
    });

    it("tells another site nothing, even with its visitor's session", async () => {
      await using one = await opened();
      const target = `http://127.0.0.1:${one.server.port}`;
      // Another port of the same machine is the same site, so that only Origin and Sec-Fetch-Site hold it off.
      await using other = await serve(busySource());
      const stranger = await one.page.context().newPage();
      await stranger.goto(`http://127.0.0.1:${other.port}/live`);
      const outcomes = await stranger.evaluate(async (base) => {
        const told = async (path: string, init: RequestInit) => {
          try {
            const answer = await fetch(base + path, init);
            return answer.type === 'opaque' ? 'opaque' : `read ${answer.status}`;
          } catch {
            return 'stopped';
          }
        };
        return [
          await told('/api/v1/applications', { credentials: 'include' }),
          await told('/api/v1/applications', { credentials: 'include', mode: 'no-cors' }),
          await told('/session', { method: 'POST', body: '{}', credentials: 'include', mode: 'no-cors' }),
          await told('/events', { credentials: 'include' }),
        ];
      }, target);
      expect(outcomes.filter((outcome) => outcome.startsWith('read'))).toEqual([]);
      // What the server said to each, which the stranger could not read.
      const direct = await fetch(`${target}/api/v1/applications`, {
        headers: { 'sec-fetch-site': 'same-site', authorization: `Bearer ${token}` },
      });
      expect(direct.status).toBe(403);
    });

    it('asks for the token where it is missing or wrong, and opens with it', async () => {
      await using server = await serve(busySource());
      await using one = await open(browser, `http://127.0.0.1:${server.port}/#token=wrong-wrong-wrong-wrong`);
      const { page } = one;
      await page.getByText('That is not the token.').waitFor();
      expect(page.url()).not.toContain('wrong');
      await page.getByLabel('Token').fill(token);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'word-count' }).waitFor();
      expect(page.url()).not.toContain(token);
      expect(await page.evaluate(() => document.cookie)).toBe('');
      await page.reload();
      await page.getByRole('heading', { name: 'word-count' }).waitFor();
    });
  });

  describe('with a thousand shards', () => {
    it('has at most 2,000 elements in every view, and no task over 100 ms while it is scrolled', async () => {
      const source = busySource({ batches: 100 });
      tellShards(source, 1_000);
      await using one = await opened(source);
      const { page } = one;
      for (const title of titles) {
        await goTo(page, title);
        expect(await page.evaluate(() => document.querySelectorAll('*').length), title).toBeLessThan(2_000);
      }
      await goTo(page, 'Shards');
      await table(page, 'Shards').waitFor();
      expect(await table(page, 'Shards').locator('table').getAttribute('aria-rowcount')).toBe('1001');
      const { result: scrolled, taskMillis } = await traced(browser, page, () => page.evaluate(scrollThrough));
      expect(scrolled.rows).toContain('shardId-000000000999');
      expect(scrolled.most).toBeLessThan(2_000);
      expect(taskMillis.length).toBeGreaterThan(50);
      expect(taskMillis.filter((millis) => millis > 100)).toEqual([]);
      expect(one.complaints).toEqual([]);
    });
  });

  describe('can be used', () => {
    it('by keyboard alone', async () => {
      await using one = await opened();
      const { page } = one;
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the view');
      await page.keyboard.press('Enter');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('view');
      await page.getByRole('link', { name: 'Shards' }).focus();
      await page.keyboard.press('Enter');
      const shards = table(page, 'Shards');
      await shards.focus();
      for (const key of ['ArrowDown', 'ArrowDown', 'PageDown', 'ArrowUp']) await page.keyboard.press(key);
      const chosen = () => shards.locator('tr.chosen td').first().innerText();
      await expect.poll(chosen).toBe('shardId-000000000018');
      await page.keyboard.press('End');
      await expect.poll(chosen).toBe('shardId-000000000028');
      await page.keyboard.press('Home');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'shardId-000000000000' }).waitFor();
      await shards.getByRole('button', { name: 'Lag' }).focus();
      await page.keyboard.press('Enter');
      await expect.poll(async () => (await cells(page, 'Shards'))[1]?.[4]).toBe('1 min 14 s');
      expect(await shards.locator('th[aria-sort]').getAttribute('aria-sort')).toBe('descending');
    });

    it('on a phone: nothing is wider than the screen', async () => {
      await using one = await opened(busySource(), {
        viewport: { width: 360, height: 740 },
        hasTouch: true,
        isMobile: true,
      });
      for (const title of titles) {
        await goTo(one.page, title);
        const width = await one.page.evaluate(() => document.documentElement.scrollWidth);
        expect(width, title).toBeLessThanOrEqual(360);
      }
    });

    it('in dark and light, as the system or the person wants it, with enough contrast', async () => {
      await using one = await opened(busySource(), { colorScheme: 'dark' });
      const { page } = one;
      const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      expect(await background()).toBe('rgb(14, 20, 25)');
      expect(await page.evaluate(leastContrast)).toBeGreaterThan(4.5);
      await page.getByRole('button', { name: 'auto' }).click();
      await expect.poll(background).toBe('rgb(245, 247, 249)');
      expect(await page.evaluate(leastContrast)).toBeGreaterThan(4.5);
      await page.reload();
      await page.locator('main').waitFor();
      expect(await background()).toBe('rgb(245, 247, 249)');
    });

    it('while the server is away: it says so, keeps what it knew, and goes on when it is back', async () => {
      const source = busySource();
      const server = await serve(source);
      await using one = await open(browser, server.url);
      const { page } = one;
      await page.locator('main').waitFor();
      await server[Symbol.asyncDispose]();
      await page.getByRole('alert').filter({ hasText: 'Disconnected' }).waitFor();
      expect(await page.locator('.link').innerText()).toBe('disconnected');
      expect(await page.locator('.summary').innerText()).toContain('117 completed batches');
      source.tell({ type: 'alert.cleared', alert: 'iteratorAge', subject: 'orders:shardId-000000000005' });
      await using again = await serve(source, server.port);
      await expect.poll(() => page.locator('.link').innerText(), { timeout: 15_000 }).toBe('live');
      await expect.poll(() => page.locator('.pill').innerText()).toBe('1');
      expect(again.streams).toBe(1);
    });

    it('by reading a sentence where something fails', async () => {
      await using one = await opened();
      const { page } = one;
      await page.route('**/config', (route) => route.abort());
      await goTo(page, 'Configuration');
      await expect.poll(() => text(page)).toContain('The configuration cannot be shown');
      await page.goto(page.url().replace(/#.*/, '#/batch/none'));
      await expect.poll(() => text(page)).toContain('there is no such batch, or it is no longer kept');
    });
  });
});

/** Runs in the page: scrolls its longest table from end to end, a step a frame. */
async function scrollThrough(): Promise<{ most: number; rows: string }> {
  const box = document.querySelector<HTMLElement>('[aria-label="Shards"]')!;
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  let most = 0;
  for (let top = 0; top < box.scrollHeight; top += 400) {
    box.scrollTop = top;
    await frame();
    most = Math.max(most, document.querySelectorAll('*').length);
  }
  await frame();
  await frame();
  return { most, rows: box.innerText };
}

/** Runs in the page: the least contrast between a text of the view and what is behind it. */
function leastContrast(): number {
  const luminance = (color: readonly number[]) => {
    const [r = 0, g = 0, b = 0] = color.map((value) => {
      const part = value / 255;
      return part <= 0.039_28 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const numbers = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const behind = (element: Element | null): readonly number[] => {
    const color = element === null ? [255, 255, 255] : numbers(getComputedStyle(element).backgroundColor);
    return element === null || color[3] !== 0 ? color.slice(0, 3) : behind(element.parentElement);
  };
  let least = 21;
  for (const element of document.querySelectorAll('#page *')) {
    const isText = Array.from(element.childNodes).some(
      (node) => node.nodeType === 3 && node.textContent?.trim() !== '',
    );
    if (!isText || element.closest('svg') !== null) continue;
    const [one, other] = [luminance(numbers(getComputedStyle(element).color).slice(0, 3)), luminance(behind(element))];
    least = Math.min(least, (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05));
  }
  return least;
}
