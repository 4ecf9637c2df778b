import { existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { systemClock } from '../../lib/base/clock.ts';
import { type UiServer, serveUi } from '../../lib/web/server.ts';
import type { UiSource } from '../../lib/web/source.ts';

/** The browser that `spec/browser/setup.sh` sees to. */
export const executablePath = process.env['MILLRACE_CHROMIUM'] ?? '/usr/bin/chromium';

/** Whether there is one; without it the suite is skipped, which CI counts as failed. */
export const hasBrowser = existsSync(executablePath);

/** The token of all pages here. */
export const token = 'a-token-of-the-tests-0123456789';

/** Starts the browser; sandboxes need rights that containers do not have, and only our own page is opened. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP evil.example 127.0.0.1'],
  });
}

/** Serves the built page of a source on a free port, or on one of before. */
export function serve(source: UiSource, port = 0): Promise<UiServer> {
  return serveUi(source, { host: '127.0.0.1', port, token, allowedHosts: [], clock: systemClock });
}

/** A page of a person who has the address, with what it complained of. */
export interface OpenedPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors of scripts, and what the content security policy stopped. */
  readonly complaints: string[];
  /** Addresses that were asked for. */
  readonly requests: string[];
}

/** Opens the address of a server, or another one. */
export async function open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('request', (request) => requests.push(request.url()));
  page.setDefaultTimeout(15_000);
  await page.goto(url);
  return { page, complaints, requests, [Symbol.asyncDispose]: () => context.close() };
}

/** Goes to a view by its tab. */
export async function goTo(page: Page, title: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: title }).click();
}

/** What was done while the browser was watched, and how long each task of its pages' main threads took. */
export interface Traced<T> {
  readonly result: T;
  /** In milliseconds of processor time: what a busy machine adds is not the page's own. */
  readonly taskMillis: readonly number[];
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Watches the tasks of the browser's pages while something is done. */
export async function traced<T>(browser: Browser, page: Page, act: () => Promise<T>): Promise<Traced<T>> {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] });
  const result = await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const isMain = (event: TraceEvent) => event.name === 'thread_name' && event.args?.name === 'CrRendererMain';
  const mains = new Set(traceEvents.filter(isMain).map(({ pid, tid }) => `${pid} ${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === 'RunTask' && mains.has(`${pid} ${tid}`));
  return { result, taskMillis: tasks.flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1_000])) };
}
