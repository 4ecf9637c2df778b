/** How often something was called. */
export interface CallCounts {
  /** Requests by operation, refused ones too. */
  readonly calls: Readonly<Record<string, number>>;
  /** Refusals by operation and name, such as `GetRecords ProvisionedThroughputExceededException`. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Bytes of bodies, both ways. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Event streams that are open now. */
  readonly openStreams: number;
}

/** Counts the calls of a server. */
export class Counters {
  readonly #calls = new Map<string, number>();
  readonly #refusals = new Map<string, number>();
  bytesReceived = 0;
  bytesSent = 0;
  openStreams = 0;

  countCall(operation: string, bytes: number): void {
    this.#calls.set(operation, (this.#calls.get(operation) ?? 0) + 1);
    this.bytesReceived += bytes;
  }

  countRefusal(operation: string, name: string): void {
    const key = `${operation} ${name}`;
    this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + 1);
  }

  /** The counts now. */
  get counts(): CallCounts {
    const { bytesReceived, bytesSent, openStreams } = this;
    return {
      calls: Object.fromEntries(this.#calls),
      refusals: Object.fromEntries(this.#refusals),
      bytesReceived,
      bytesSent,
      openStreams,
    };
  }
}
