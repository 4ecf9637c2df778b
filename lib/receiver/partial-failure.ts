/**
 * What a handler throws when the first `finished` of its records are processed and the next one has failed: the policy
 * goes on with that one. With 0 it is a failure like any other.
 */
export class PartialFailure extends Error {
  override readonly name = 'PartialFailure';
  /** How many of the records that the handler was given are processed, from the first on. */
  readonly finished: number;

  constructor(finished: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.finished = finished;
  }
}
