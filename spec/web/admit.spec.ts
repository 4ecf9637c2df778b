import { describe, expect, it } from 'vitest';
import { type RequestFacts, admit } from '../../lib/web/admit.ts';

function statusOf(given: Partial<RequestFacts>, allowedHosts: readonly string[] = []): number {
  const request = { method: 'GET', path: '/events', localAddress: '127.0.0.1', ...given };
  const answer = admit({ headers: {}, ...request }, allowedHosts);
  return answer.tag === 'admitted' ? 200 : answer.status;
}

describe('the Host of a request', () => {
  const of = (host: string, rest: Partial<RequestFacts> = {}, allowed: readonly string[] = []) =>
    statusOf({ headers: { host }, ...rest }, allowed);

  it.each(['127.0.0.1:4040', 'localhost:4040', 'LOCALHOST', 'page.localhost:1', '[::1]:4040', '127.8.8.8'])(
    'is answered for loopback: %s',
    (host) => {
      expect(of(host)).toBe(200);
    },
  );

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '127.evil.example', '10.0.0.9:4040'])(
    'is not answered for a name that a stranger may point here: %s',
    (host) => {
      expect(of(host)).toBe(421);
    },
  );

  it.each(['', 'a b', 'x@127.0.0.1', '127.0.0.1/', '127.0.0.1:99999999', 'http://127.0.0.1'])(
    'is refused: %s',
    (host) => {
      expect(of(host)).toBe(400);
    },
  );

  it('may be the very address of this machine that the connection came to', () => {
    expect(of('10.0.0.9:4040', { localAddress: '10.0.0.9' })).toBe(200);
    expect(of('10.0.0.9:4040', { localAddress: '::ffff:10.0.0.9' })).toBe(200);
    expect(of('10.0.0.8:4040', { localAddress: '10.0.0.9' })).toBe(421);
  });

  it('may be a name that is allowed', () => {
    expect(of('Millrace.example.com', {}, ['millrace.example.com'])).toBe(200);
    expect(of('x.millrace.example.com', {}, ['millrace.example.com'])).toBe(421);
  });

  it('must be there, and once', () => {
    expect(statusOf({ headers: {} })).toBe(400);
    expect(statusOf({ headers: { host: ['127.0.0.1', 'evil.example'] } })).toBe(400);
  });
});

describe('a request across sites', () => {
  const host = '127.0.0.1:4040';

  it('is refused by its Origin, whatever the method', () => {
    for (const origin of [
      'http://evil.example',
      'null',
      'http://127.0.0.1:9',
      'http://127.0.0.1:40400',
      'x127.0.0.1:4040',
    ]) {
      expect(statusOf({ headers: { host, origin } }), origin).toBe(403);
      expect(statusOf({ method: 'POST', headers: { host, origin } }), origin).toBe(403);
    }
    expect(statusOf({ method: 'POST', headers: { host, origin: 'http://127.0.0.1:4040' } })).toBe(200);
    expect(statusOf({ method: 'POST', headers: { host, origin: 'https://127.0.0.1:4040' } })).toBe(200);
  });

  it('is refused when it would change something and names no Origin', () => {
    expect(statusOf({ method: 'POST', headers: { host } })).toBe(403);
  });

  it('is refused by what the browser says of it, unless a person opens the page', () => {
    expect(statusOf({ headers: { host, 'sec-fetch-site': 'cross-site' } })).toBe(403);
    expect(statusOf({ headers: { host, 'sec-fetch-site': 'same-site' } })).toBe(403);
    expect(statusOf({ headers: { host, 'sec-fetch-site': 'same-origin' } })).toBe(200);
    expect(statusOf({ headers: { host, 'sec-fetch-site': 'none' } })).toBe(200);
    const opened = { host, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect(statusOf({ path: '/', headers: opened })).toBe(200);
    expect(statusOf({ path: '/events', headers: opened })).toBe(403);
    expect(statusOf({ path: '/', headers: { ...opened, 'sec-fetch-dest': 'iframe' } })).toBe(403);
  });
});

it.each(['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'PATCH'])('%s is not answered', (method) => {
  expect(statusOf({ method, headers: { host: '127.0.0.1' } })).toBe(405);
});
