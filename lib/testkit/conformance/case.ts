/** One case of a conformance suite, as data, so that any test runner can run it. `run` rejects when it fails. */
export interface ConformanceCase {
  /** A sentence: what must hold. */
  readonly name: string;
  readonly run: () => Promise<void>;
}
