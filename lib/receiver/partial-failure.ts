/**
 * What a handler throws when the first `finished` of its records are processed and the next one has failed: the policy
 * goes on with that one. With 0 it is a failure like any other.
 */
export class PartialFailure extends Error {
  override readonly name = 'PartialFailure';
  /** How many of the records that the handler was given are processed, from the first on. */
  readonly finished: number;
  /** What the handler wants to have carried on to the next try. */
  readonly state: unknown;

  constructor(finished: number, cause: Error, state?: unknown) {
    super(cause.message, { cause });
    this.finished = finished;
    this.state = state;
  }
}
