import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { type UiServer, serveUi } from '../../lib/web/server.ts';
import { tellBatch, tellShards, toldSource } from './sources.ts';

const token = 'a-token-of-the-tests-0123456789';
const page = new TextEncoder().encode('<!doctype html>');
const assets = new Map([
  ['/', { contentType: 'text/html; charset=utf-8', body: page }],
  ['/assets/page.js', { contentType: 'text/javascript; charset=utf-8', body: page }],
]);
const servers: UiServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function serve(source = toldSource(), host = '127.0.0.1'): Promise<UiServer & { readonly base: string }> {
  const options = { host, port: 0, token, allowedHosts: [], clock: systemClock, assets };
  const server = await serveUi(source, options);
  servers.push(server);
  return Object.assign(server, { base: `http://127.0.0.1:${server.port}` });
}

const bearer = { authorization: `Bearer ${token}` };

/** Sends bytes as they are and reads the first line of the answer. */
function rawStatus(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (data) => {
      answer += data.toString('latin1');
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(answer.split('\r\n')[0] ?? ''));
    socket.on('error', reject);
  });
}

describe('without a session', () => {
  it('gives the page, probes and metrics, and nothing else', async () => {
    const { base } = await serve();
    const status = async (path: string) => (await fetch(base + path)).status;
    expect(await status('/')).toBe(200);
    expect(await status('/assets/page.js')).toBe(200);
    expect(await status('/live')).toBe(200);
    expect(await status('/ready')).toBe(503);
    expect(await status('/metrics')).toBe(200);
    for (const path of [
      '/events',
      '/api/v1/applications',
      '/api/v1/applications/mailer/config',
      '/x',
      '/assets/x.js',
    ]) {
      expect(await status(path), path).toBe(401);
    }
  });

  it('refuses a wrong token in every form, and tells nothing of the right one', async () => {
    const { base } = await serve();
    const wrong = [token.slice(1), `${token}x`, '', 'x'.repeat(31), token.toUpperCase()];
    for (const given of wrong) {
      const headers = { authorization: `Bearer ${given}` };
      expect((await fetch(`${base}/api/v1/applications`, { headers })).status).toBe(401);
      const body = JSON.stringify({ token: given });
      const answer = await fetch(`${base}/session`, { method: 'POST', body, headers: { origin: base } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('set-cookie')).toBeNull();
      expect(await answer.text()).not.toContain(token.slice(0, 8));
    }
    const headers = { cookie: `millrace-${new URL(base).port}=${token}` };
    expect((await fetch(`${base}/api/v1/applications`, { headers })).status).toBe(401);
  });
});

describe('a session', () => {
  it('is given for the token, lives in a cookie that scripts and other sites do not have, and opens the rest', async () => {
    const { base, port, url } = await serve();
    expect(url).toBe(`${base}/#token=${token}`);
    const init = { method: 'POST', body: JSON.stringify({ token }), headers: { origin: base } };
    const answer = await fetch(`${base}/session`, init);
    expect(answer.status).toBe(200);
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(new RegExp(`^millrace-${port}=[0-9a-f]{64}; Path=/; HttpOnly; SameSite=Strict$`));
    expect(cookie).not.toContain(token);
    const headers = { cookie: `other=1; ${cookie.split(';')[0]}` };
    expect((await fetch(`${base}/api/v1/applications`, { headers })).status).toBe(200);
    expect(await (await fetch(`${base}/session`, { headers })).json()).toEqual({ open: true });
    expect(await (await fetch(`${base}/session`)).json()).toEqual({ open: false });
  });

  it('asks for a body that is a token', async () => {
    const { base } = await serve();
    const post = (body: string) => fetch(`${base}/session`, { method: 'POST', body, headers: { origin: base } });
    for (const body of ['', '[', 'null', '{}', '{"token":1}', '[]']) expect((await post(body)).status, body).toBe(400);
    expect((await post(JSON.stringify({ token: 'x'.repeat(2_000) }))).status).toBe(413);
  });
});

it('sends the security headers with every answer', async () => {
  const { base } = await serve();
  for (const path of ['/', '/live', '/api/v1/applications', '/events', '/session', '/%ff', '/nothing']) {
    const { headers } = await fetch(base + path, { headers: path === '/events' ? {} : bearer });
    expect(headers.get('cache-control'), path).toBe('no-store');
    expect(headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(headers.get('x-frame-options'), path).toBe('DENY');
    expect(headers.get('content-security-policy'), path).toContain("default-src 'none'; script-src 'self'");
    expect(headers.get('content-security-policy'), path).not.toContain('unsafe');
    expect(headers.get('access-control-allow-origin'), path).toBeNull();
  }
});

it('asks for one snapshot however often probes and metrics are asked for at once', async () => {
  const source = toldSource();
  let asked = 0;
  const counting = () => {
    asked += 1;
    return source.snapshot();
  };
  const { base } = await serve({ ...source, snapshot: counting });
  await Promise.all(Array.from({ length: 60 }, (_, one) => fetch(base + ['/live', '/ready', '/metrics'][one % 3])));
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(20);
});

describe('hostile requests', () => {
  it('with another Host or from another site get nothing, with or without the token', async () => {
    const { port } = await serve();
    const ask = (path: string, ...lines: string[]) =>
      rawStatus(port, [`GET ${path} HTTP/1.1`, ...lines, 'Connection: close', '', ''].join('\r\n'));
    const key = `Authorization: Bearer ${token}`;
    for (const path of ['/', '/metrics', '/live', '/api/v1/applications', '/events']) {
      expect(await ask(path, `Host: evil.example:${port}`, key)).toContain(' 421 ');
      expect(await ask(path, `Host: 127.0.0.1:${port}`, 'Origin: http://evil.example', key)).toContain(' 403 ');
    }
  });

  it('find no file by way of the path', async () => {
    const { port } = await serve();
    const paths = [
      '/../package.json',
      '/assets/../../package.json',
      '/assets/%2e%2e/%2e%2e/etc/passwd',
      '/assets/..%2f..%2fx',
    ];
    for (const path of [...paths, '/..\\..\\x', '//etc/passwd', '/assets/page.js/', '/assets/page.js%00.css']) {
      const status = await rawStatus(
        port,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      );
      expect(status, path).toMatch(/ 40[04] /);
    }
  });

  it('that are malformed, too long or without end are answered and closed', async () => {
    const { port } = await serve();
    const head = 'Host: 127.0.0.1\r\nConnection: close';
    expect(await rawStatus(port, 'nonsense\r\n\r\n')).toContain(' 400 ');
    expect(await rawStatus(port, 'GET / HTTP/1.1\r\n\r\n')).toContain(' 400 ');
    expect(await rawStatus(port, `GET /%ZZ%ff HTTP/1.1\r\n${head}\r\n\r\n`)).toMatch(/ 40[0-9] /);
    expect(await rawStatus(port, `GET /${'a'.repeat(10_000)} HTTP/1.1\r\n${head}\r\n\r\n`)).toContain(' 431 ');
    expect(await rawStatus(port, `GET / HTTP/1.1\r\n${head}\r\nX: ${'a'.repeat(10_000)}\r\n\r\n`)).toContain(' 431 ');
    const twoLengths = `POST /session HTTP/1.1\r\n${head}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    expect(await rawStatus(port, twoLengths)).toContain(' 400 ');
    expect(await rawStatus(port, `DELETE / HTTP/1.1\r\n${head}\r\n\r\n`)).toContain(' 405 ');
  });
});

describe('an address that cannot be listened at', () => {
  it('is an error that names it and the remedy', async () => {
    const { port } = await serve();
    const at = (host: string, wanted: number) =>
      serveUi(toldSource(), { host, port: wanted, token, allowedHosts: [], clock: systemClock, assets });
    await expect(at('127.0.0.1', port)).rejects.toMatchObject({
      code: 'MR_PORT_UNAVAILABLE',
      message: `MR_PORT_UNAVAILABLE: the page cannot be served: 127.0.0.1:${port} is in use: give another port, or end the process that has it`,
    });
    await expect(at('192.0.2.1', 0)).rejects.toMatchObject({
      message: expect.stringContaining('192.0.2.1:0 is not an address of this machine') as string,
    });
  });
});

describe('the JSON API', () => {
  async function api() {
    const source = toldSource();
    source.tell({
      type: 'engine.started',
      batchIntervalMillis: 1_000,
      scope: 'application',
      reason: 'counts',
      outputs: [],
    });
    tellShards(source, 3);
    tellBatch(source, { id: 1, records: 7 });
    tellBatch(source, { id: 2, records: 0, failure: 'the sink said <no>' });
    source.nowMillis += 2_000;
    const { base } = await serve(source);
    const get = async (path: string) => {
      const answer = await fetch(`${base}/api/v1/applications/mailer${path}`, { headers: bearer });
      return {
        status: answer.status,
        json: (await answer.json()) as Record<string, unknown>[] & Record<string, unknown>,
      };
    };
    return { get, base, source };
  }

  it("has Spark's fields of statistics, receivers and batches", async () => {
    const { get, base } = await api();
    const list = (await (await fetch(`${base}/api/v1/applications`, { headers: bearer })).json()) as { id: string }[];
    expect(list.map(({ id }) => id)).toEqual(['mailer']);
    expect((await get('/streaming/statistics')).json).toEqual({
      startTime: '2026-01-31T12:00:00.000GMT',
      batchDuration: 1_000,
      numReceivers: 1,
      numActiveReceivers: 1,
      numInactiveReceivers: 0,
      numTotalCompletedBatches: 1,
      numRetainedCompletedBatches: 2,
      numActiveBatches: 0,
      numProcessedRecords: 7,
      numReceivedRecords: 7,
      avgInputRate: expect.any(Number) as number,
      avgSchedulingDelay: 3,
      avgProcessingTime: 25,
      avgTotalDelay: 28,
      numTotalFailedBatches: 1,
    });
    expect((await get('/streaming/receivers')).json[0]).toMatchObject({
      streamId: 0,
      streamName: 'KinesisReceiver-0',
      isActive: true,
      executorId: 'worker-a:4711:0badcafe',
      executorHost: 'host-1',
      eventRates: expect.any(Array) as unknown[],
    });
    expect((await get('/streaming/batches?status=completed')).json).toEqual([
      {
        batchId: Date.UTC(2026, 0, 31, 12),
        batchTime: '2026-01-31T12:00:00.000GMT',
        status: 'COMPLETED',
        batchDuration: 1_000,
        inputSize: 7,
        schedulingDelay: 3,
        processingTime: 25,
        totalDelay: 28,
        numActiveOutputOps: 0,
        numCompletedOutputOps: 1,
        numFailedOutputOps: 0,
        numTotalOutputOps: 1,
        key: `application@${Date.UTC(2026, 0, 31, 12)}`,
        group: 'application',
        commitId: 1,
        attempts: 1,
        isReread: false,
        step: 'committed',
      },
    ]);
  });

  it('gives one batch by its time or key, with ranges, outputs and error', async () => {
    const { get, source } = await api();
    const failed = source.snapshot().batches.completed[0]!;
    const byTime = await get(`/streaming/batches/${failed.batchTimeMillis}`);
    expect(byTime.json).toMatchObject({
      status: 'FAILED',
      error: 'the sink said <no>',
      firstFailureReason: 'the sink said <no>',
    });
    expect(byTime.json['inputs']).toHaveLength(2);
    const byKey = await get(`/streaming/batches/${encodeURIComponent(failed.key)}`);
    expect(byKey.json).toEqual(byTime.json);
    expect((await get(`/streaming/batches/${failed.batchTimeMillis}/operations/0`)).json).toMatchObject({
      outputOpId: 0,
      name: 'foreachBatch at counts.ts:12',
      failureReason: 'the sink said <no>',
    });
    expect((await get('/streaming/batches/1')).status).toBe(404);
    expect((await get('/streaming/batches/x/operations/0')).status).toBe(404);
  });

  it('asks for the key where several groups have a batch of the same time', async () => {
    const { get, source } = await api();
    const atMillis = source.nowMillis;
    tellBatch(source, { group: 'shardId-1', id: 1, records: 1 });
    source.nowMillis = atMillis;
    tellBatch(source, { group: 'shardId-2', id: 1, records: 1 });
    const answer = await get(`/streaming/batches/${atMillis}`);
    expect(answer.status).toBe(400);
    expect((answer.json['keys'] as unknown as string[]).toSorted()).toEqual([
      `shardId-1@${atMillis}`,
      `shardId-2@${atMillis}`,
    ]);
  });

  it('has shards, leases, state, configuration, alerts and health beside them', async () => {
    const { get } = await api();
    expect((await get('/shards')).json).toHaveLength(3);
    expect((await get('/shards/shardId-000000000001')).json).toHaveLength(1);
    expect((await get('/shards/x')).status).toBe(404);
    expect((await get('/leases')).json).toHaveLength(3);
    expect((await get('/leases/moves')).json).toHaveLength(3);
    expect((await get('/state')).json).toMatchObject([{ group: 'application', batchId: 1 }]);
    expect((await get('/config')).json).toMatchObject([{ entries: [{ name: 'maxRecords' }] }]);
    expect((await get('/alerts')).json).toEqual([]);
    expect((await get('/stages')).json).toHaveLength(2);
    expect((await get('/health')).json).toMatchObject({ live: { ok: true }, ready: { ok: true, reasons: [] } });
    expect((await get('/nothing')).status).toBe(404);
  });

  it('knows its own application only', async () => {
    const { base } = await api();
    const answer = await fetch(`${base}/api/v1/applications/other/shards`, { headers: bearer });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ error: 'there is no application of that name here: this one is mailer' });
  });
});
