import { isIP } from 'node:net';

/** The parts of a request that decide whether it is answered. Header names are in lower case. */
export interface RequestFacts {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The address of this machine that the connection came to. */
  readonly localAddress: string | undefined;
}

/** Whether a request is answered: with this status and sentence it is not. */
export type Admission =
  | { readonly tag: 'admitted' }
  | { readonly tag: 'refused'; readonly status: 400 | 403 | 405 | 421; readonly message: string };

const admitted: Admission = { tag: 'admitted' };

/**
 * Refuses what a browser sends on behalf of a foreign page, before anything is looked up.
 *
 * A page of a stranger can reach this server in two ways. It can point a name of its own at this machine's address and
 * then counts as the same origin (DNS rebinding): the Host is then that name, so only loopback names, the very address
 * that the connection came to, and `allowedHosts` are answered. Or it can send a request to our name across sites: then
 * the browser says so in `Sec-Fetch-Site`, and in `Origin` for whatever is not a plain GET. Opening the page by a link
 * is a navigation and is allowed; the page itself shows nothing without a session.
 */
export function admit(request: RequestFacts, allowedHosts: readonly string[]): Admission {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
    return refused(405, `${method.slice(0, 20)} is not answered here: the page only reads`);
  }
  const host = single(headers['host']);
  const name = host === undefined ? undefined : hostNameOf(host);
  if (host === undefined || name === undefined) return refused(400, 'the request names no Host, or not a valid one');
  if (!isKnownHost(name, request.localAddress, allowedHosts)) {
    return refused(421, 'this Host is not known here: use 127.0.0.1, or add the name to allowedHosts');
  }
  return admitOrigin(request, host);
}

function admitOrigin({ method, headers, path }: RequestFacts, host: string): Admission {
  const foreign = 'the request comes from another site: open the page itself';
  const origin = single(headers['origin']);
  if (origin !== undefined && !isOriginOf(origin, host)) return refused(403, foreign);
  if (method === 'POST' && origin === undefined)
    return refused(403, 'a request that changes something names its Origin');
  const site = single(headers['sec-fetch-site']);
  const isNavigation = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
  const isOpened = path === '/' && isNavigation && method === 'GET';
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isOpened) return refused(403, foreign);
  return admitted;
}

/** `Host` without its port, in lower case; `undefined` for what is none. */
export function hostNameOf(host: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host);
  const name = match?.[1]?.toLowerCase();
  return name?.startsWith('[') === true ? name.slice(1, -1) : name;
}

function isKnownHost(name: string, localAddress: string | undefined, allowedHosts: readonly string[]): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (isIP(name) === 4 && name.startsWith('127.')) return true;
  if (name === '::1' || name === '::ffff:127.0.0.1') return true;
  // An address cannot be pointed elsewhere as a name can; this one is the machine's own.
  if (isIP(name) !== 0 && name === localAddress?.replace(/^::ffff:/, '')) return true;
  return allowedHosts.some((allowed) => allowed.toLowerCase() === name);
}

/** An origin of this very host and port; a proxy may speak https where this server speaks http. */
function isOriginOf(origin: string, host: string): boolean {
  return /^https?:\/\//i.test(origin) && origin.replace(/^https?:\/\//i, '').toLowerCase() === host.toLowerCase();
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function refused(status: 400 | 403 | 405 | 421, message: string): Admission {
  return { tag: 'refused', status, message };
}
