import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type HttpBindings, getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Clock } from '../base/clock.ts';
import { liveness, readiness } from '../monitor/health/health.ts';
import type { Snapshot } from '../monitor/snapshot/snapshot.ts';
import { prometheusText } from '../monitor/metrics/prometheus.ts';
import { admit } from './admit.ts';
import { apiRoutes } from './api/routes.ts';
import { type Assets, readAssets } from './assets.ts';
import { EventStreams } from './event-streams.ts';
import { securityHeaders } from './headers.ts';
import { unavailable } from './unavailable.ts';
import { PageStates } from './page-state.ts';
import { Sessions } from './session.ts';
import type { UiSource } from './source.ts';

/** Where the page is served and to whom; everything is checked by then. */
export interface UiServerOptions {
  /** The address to listen at. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Whoever knows it may look. */
  readonly token: string;
  /** Names, without port, under which the page is asked for beside loopback and the machine's own address. */
  readonly allowedHosts: readonly string[];
  readonly clock: Clock;
  /** The built page; default: the one that came with the package. */
  readonly assets?: Assets;
}

/** A page that is being served. */
export interface UiServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** The address to open, with the token in its fragment, which browsers do not send and logs do not get. */
  readonly url: string;
  /** How many browsers follow now. */
  readonly streams: number;
}

/** A request carries at most so many bytes of headers, its URL included; more is answered with 431. */
const maxHeaderBytes = 8_192;

/** A body is a token and nothing else. */
const maxBodyBytes = 1_024;

/** Connections beyond it are closed at once: those of 200 streams, and of whoever comes beside them. */
const maxConnections = 512;

/** How old may be what a probe is told. */
const probeMillis = 200;

/** How long a request may take to arrive. */
const requestTimeoutMillis = 10_000;

/**
 * Serves the page of a source until it is disposed of. No loop of its own runs while nobody looks, and none of it keeps the
 * process alive.
 * @throws MillraceError `MR_PORT_UNAVAILABLE` where the address cannot be listened at
 */
export async function serveUi(source: UiSource, options: UiServerOptions): Promise<UiServer> {
  const { host, clock } = options;
  const states = new PageStates();
  const streams = new EventStreams({ clock, read: () => states.of(source.snapshot()) });
  const limits = { maxHeaderSize: maxHeaderBytes, requestTimeout: requestTimeoutMillis, headersTimeout: 5_000 };
  const server = createServer(limits);
  server.maxConnections = maxConnections;
  const port = await listen(server, options);
  const sessions = new Sessions(options.token, port);
  const app = createApp({ source, sessions, streams, options });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, hostname: host });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => void listener(request, response));
  server.unref();
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port,
    url: `http://${isEverywhere(host) ? '127.0.0.1' : shown}:${port}/#token=${encodeURIComponent(options.token)}`,
    get streams() {
      return streams.count;
    },
    [Symbol.asyncDispose]: async () => {
      streams[Symbol.dispose]();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface AppParts {
  readonly source: UiSource;
  readonly sessions: Sessions;
  readonly streams: EventStreams;
  readonly options: UiServerOptions;
}

/** Probes and metrics are asked by machines that have no token, and tell no more than names of shards. */
const openPaths: readonly string[] = ['/live', '/ready', '/metrics', '/session'];

function createApp({ source, sessions, streams, options }: AppParts): Hono<{ Bindings: HttpBindings }> {
  const assets = options.assets ?? readAssets();
  const app = new Hono<{ Bindings: HttpBindings }>();
  const probed = remembered(source, options.clock);
  app.onError((_, c) => c.json({ error: 'the request failed' }, 500, securityHeaders));
  app.use('*', async (c, next) => {
    const { incoming } = c.env;
    for (const [name, value] of Object.entries(securityHeaders)) c.header(name, value);
    const { method = '', headers } = incoming;
    const { path } = c.req;
    const answer = admit({ method, path, headers, localAddress: incoming.socket.localAddress }, options.allowedHosts);
    if (answer.tag === 'refused') return c.json({ error: answer.message }, answer.status);
    const isOpen = openPaths.includes(path) || assets.has(path) || sessions.isOpen(headers);
    if (!isOpen) return c.json({ error: 'give the token: open the address that was printed' }, 401);
    await next();
    return undefined;
  });
  app.get('/live', (c) => {
    const answer = liveness(probed());
    return c.json(answer, answer.ok ? 200 : 503);
  });
  app.get('/ready', (c) => {
    const answer = readiness(probed());
    return c.json(answer, answer.ok ? 200 : 503);
  });
  app.get('/metrics', (c) =>
    c.body(prometheusText(probed()), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  );
  addSession(app, sessions);
  app.route('/api/v1', apiRoutes(source));
  app.get('/events', (c) => follow(c.env.outgoing, streams) ?? c.json({ error: 'too many browsers follow' }, 503));
  app.get('*', (c) => {
    const asset = assets.get(c.req.path);
    if (asset === undefined) return c.json({ error: 'there is nothing at this path' }, 404);
    return c.body(asset.body, 200, { 'content-type': asset.contentType });
  });
  app.all('*', (c) => c.json({ error: 'this path is not asked that way' }, 405));
  return app;
}

/** A snapshot of at most a moment ago: however often strangers ask what needs no token, it costs a few snapshots a second. */
function remembered(source: UiSource, clock: Clock): () => Snapshot {
  let last: { readonly snapshot: Snapshot; readonly atMillis: number } | undefined;
  return () => {
    const atMillis = clock.monotonicMillis();
    if (last === undefined || atMillis - last.atMillis >= probeMillis) last = { snapshot: source.snapshot(), atMillis };
    return last.snapshot;
  };
}

/** The token for a cookie. The page takes the token out of the address's fragment, or asks for it. */
function addSession(app: Hono<{ Bindings: HttpBindings }>, sessions: Sessions): void {
  app.get('/session', (c) => c.json({ open: sessions.isOpen(c.env.incoming.headers) }));
  const limit = bodyLimit({ maxSize: maxBodyBytes, onError: (c) => c.json({ error: 'the body is too long' }, 413) });
  app.post('/session', limit, async (c) => {
    const token = tokenOf(await c.req.text());
    if (token === undefined) return c.json({ error: 'give { "token": "..." }' }, 400);
    if (!sessions.isToken(token)) return c.json({ error: 'that is not the token' }, 401);
    const isSecure = c.req.header('origin')?.startsWith('https:') === true;
    c.header('set-cookie', sessions.setCookie(isSecure));
    return c.json({ open: true });
  });
}

function tokenOf(body: string): string | undefined {
  try {
    const parsed = JSON.parse(body) as { token?: unknown } | null;
    return typeof parsed?.token === 'string' ? parsed.token : undefined;
  } catch {
    return undefined;
  }
}

/** Sends the head of an event stream by hand: how much of it is on its way is known of the response itself only. */
function follow(response: ServerResponse, streams: EventStreams): Response | undefined {
  if (streams.isFull) return undefined;
  response.writeHead(200, { ...securityHeaders, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
  streams.add(response);
  return RESPONSE_ALREADY_SENT;
}

async function listen(server: Server, { host, port }: UiServerOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const onError = (thrown: Error) => reject(unavailable(host, port, thrown));
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
