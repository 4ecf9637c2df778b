import { type PageChange, withChange } from '../change.ts';
import type { PageState } from '../page-state.ts';

/**
 * What the page is doing. `loading`: nothing has come yet. `locked`: the token is missing or wrong. `live`: changes come.
 * `lost`: the last state is shown, and the connection is tried again. `refused`: too many look, it is tried again later.
 */
export type Connection =
  | { readonly tag: 'loading' }
  | { readonly tag: 'locked'; readonly wasWrong: boolean }
  | { readonly tag: 'live'; readonly state: PageState }
  | { readonly tag: 'lost'; readonly state: PageState; readonly sinceMillis: number }
  | { readonly tag: 'refused'; readonly message: string };

/** The server tells something every 5 s at least; after so long without it the connection is taken for lost. */
const silenceMillis = 15_000;

const retryMillis = 2_000;

/** Follows the server: keeps one state up to date, whatever becomes of the connection. */
export class Follower {
  #connection: Connection = { tag: 'loading' };
  #source: EventSource | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #onChange: () => void;

  /** `onChange` is called after each change of {@link connection}. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Begins: trades a token of the address for a session first. */
  async start(): Promise<void> {
    const token = tokenOfAddress();
    if (token !== undefined) {
      history.replaceState(null, '', `${location.pathname}#/`);
      await this.unlock(token);
      return;
    }
    await this.#connect();
  }

  /** Shows the token. */
  async unlock(token: string): Promise<void> {
    try {
      const body = JSON.stringify({ token });
      const answer = await fetch('session', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      if (answer.ok) return await this.#connect();
      this.#set({ tag: 'locked', wasWrong: true });
    } catch {
      this.#lose('the server does not answer');
    }
  }

  async #connect(): Promise<void> {
    clearTimeout(this.#retry);
    this.#close();
    // An event stream does not tell why it is refused; this does.
    const problem = await this.#problem();
    if (problem === 'locked') return this.#set({ tag: 'locked', wasWrong: false });
    if (problem !== undefined) return this.#lose(problem);
    const source = new EventSource('events');
    this.#source = source;
    source.addEventListener('state', (event) => {
      this.#hear({ tag: 'live', state: JSON.parse(event.data as string) as PageState });
    });
    source.addEventListener('change', (event) => {
      if (this.#connection.tag !== 'live') return;
      const change = JSON.parse(event.data as string) as PageChange;
      this.#hear({ tag: 'live', state: withChange(this.#connection.state, change) });
    });
    source.onerror = () => this.#lose('the connection was cut, or too many browsers look at this page');
    return undefined;
  }

  async #problem(): Promise<string | undefined> {
    try {
      const answer = await fetch('session');
      const { open } = (await answer.json()) as { open?: boolean };
      return open === true ? undefined : 'locked';
    } catch {
      return 'the server does not answer';
    }
  }

  #hear(connection: Connection): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lose('the server has fallen silent'), silenceMillis);
    this.#set(connection);
  }

  #lose(message: string): void {
    this.#close();
    const known = this.#connection;
    if (known.tag === 'live') this.#set({ tag: 'lost', state: known.state, sinceMillis: Date.now() });
    else if (known.tag !== 'lost') this.#set({ tag: 'refused', message });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), retryMillis);
  }

  #close(): void {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = undefined;
  }

  #set(connection: Connection): void {
    this.#connection = connection;
    this.#onChange();
  }
}

function tokenOfAddress(): string | undefined {
  const encoded = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
