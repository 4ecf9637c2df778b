/** How a run is ended from outside. */
export interface RunOptions {
  /** Ends the run at once when it aborts; the run then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /**
   * Signals of the process that drain the run; a second one ends it at once, which means that work deaf to its signal is
   * waited for 5 s more. Default: none is listened for.
   */
  readonly signals?: readonly NodeJS.Signals[];
}
