import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Whoever shows the token gets a cookie for it; both open the same doors. Comparing takes the same time whatever is wrong. */
export class Sessions {
  readonly #token: string;
  readonly #session: string;
  readonly #cookieName: string;

  /** `port`: part of the cookie's name, since browsers share cookies between the ports of a machine. */
  constructor(token: string, port: number) {
    this.#token = token;
    // Made of the token: a worker that starts again with the same one keeps its visitors. It does not give the token away.
    this.#session = createHmac('sha256', token).update('millrace session').digest('hex');
    this.#cookieName = `millrace-${port}`;
  }

  /** Whether somebody knows the token. */
  isToken(given: string): boolean {
    return isSame(given, this.#token);
  }

  /** Whether a request carries the cookie, or the token as `Authorization: Bearer`. */
  isOpen(headers: { readonly cookie?: string | undefined; readonly authorization?: string | undefined }): boolean {
    const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
    if (bearer !== undefined) return this.isToken(bearer);
    const cookie = cookieOf(headers.cookie ?? '', this.#cookieName);
    return cookie !== undefined && isSame(cookie, this.#session);
  }

  /** The `Set-Cookie` header of a new session: no script reads it, no other site sends it, it goes with the browser. */
  setCookie(isSecure: boolean): string {
    const secure = isSecure ? '; Secure' : '';
    return `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict${secure}`;
  }
}

function cookieOf(header: string, name: string): string | undefined {
  for (const part of header.split(';')) {
    const [key, value] = part.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}

/** Digests first: the comparison wants the same length, and a length is a secret too. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
