import { MillraceError } from '../../base/error.ts';

/**
 * The state of one key, as a function of `mapWithState` sees it. It is good for the one call (and, where the function is
 * async, until its promise settles).
 */
export class State<S> {
  #value: S | undefined;
  #exists: boolean;
  readonly #timingOut: boolean;
  #tag: 'asFound' | 'updated' | 'removed' = 'asFound';

  /** @internal */
  constructor(found: { readonly value: S } | undefined, timingOut = false) {
    this.#value = found?.value;
    this.#exists = found !== undefined;
    this.#timingOut = timingOut;
  }

  /** Whether the key has state. */
  exists(): boolean {
    return this.#exists;
  }

  /**
   * The state. It is frozen: put a new one with `update`.
   * @throws MillraceError `MR_STATE_INVALID` when there is none; `getOption` answers `undefined` instead
   */
  get(): S {
    if (!this.#exists) throw misuse('the key has no state: ask exists() first, or use getOption()');
    return this.#value as S;
  }

  /** The state, or `undefined` when there is none. */
  getOption(): S | undefined {
    return this.#value;
  }

  /**
   * Puts the state.
   * @throws MillraceError `MR_STATE_INVALID` after `remove`, when the state is timing out, and for `undefined`
   */
  update(value: S): void {
    this.#checkChange('update');
    if (value === undefined) throw misuse('state cannot be undefined: use remove()');
    this.#value = value;
    this.#exists = true;
    this.#tag = 'updated';
  }

  /**
   * Drops the state.
   * @throws MillraceError `MR_STATE_INVALID` when it was removed before, and when it is timing out
   */
  remove(): void {
    this.#checkChange('remove');
    this.#value = undefined;
    this.#exists = false;
    this.#tag = 'removed';
  }

  /** Whether this is the last call for the key, because its timeout has passed; the state goes after the call. */
  isTimingOut(): boolean {
    return this.#timingOut;
  }

  /** Whether the call has put state. */
  isUpdated(): boolean {
    return this.#tag === 'updated';
  }

  /** Whether the call has removed the state. */
  isRemoved(): boolean {
    return this.#tag === 'removed';
  }

  #checkChange(method: string): void {
    if (this.#tag === 'removed') throw misuse(`${method}() was called after remove()`);
    if (this.#timingOut) throw misuse(`${method}() was called while the state is timing out, which removes it anyway`);
  }
}

function misuse(message: string): MillraceError {
  return new MillraceError('MR_STATE_INVALID', message);
}
