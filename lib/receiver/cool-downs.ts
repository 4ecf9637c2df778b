import type { Clock } from '../base/clock.ts';
import type { ErrorCode, MillraceError } from '../base/error.ts';

/** How long a worker keeps off a lease whose shard it could not read. */
const coolDownMillis = 60_000;

/** Faults that may be those of one shard alone; any other ends the worker. */
const codesOfOneShard: ReadonlySet<ErrorCode> = new Set([
  'MR_POSITION_TRIMMED',
  'MR_CONFIG_INVALID',
  'MR_ENDPOINT_UNREACHABLE',
  'MR_THROTTLED',
]);

/** Whether a fault of a shard leaves the other shards of the worker alone. */
export function isFaultOfOneShard(fault: MillraceError): boolean {
  return codesOfOneShard.has(fault.code);
}

/** The leases that this worker keeps off for a while, so that another worker may try them. */
export class CoolDowns {
  readonly #clock: Clock;
  readonly #untilMillis = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps off a lease from now on, for a minute. */
  begin(leaseKey: string): void {
    this.#untilMillis.set(leaseKey, this.#clock.monotonicMillis() + coolDownMillis);
  }

  /** Whether any lease is kept off now. */
  get isAny(): boolean {
    return [...this.#untilMillis.keys()].some((leaseKey) => this.has(leaseKey));
  }

  /** Whether a lease is kept off now. */
  has(leaseKey: string): boolean {
    const untilMillis = this.#untilMillis.get(leaseKey);
    if (untilMillis === undefined) return false;
    if (untilMillis > this.#clock.monotonicMillis()) return true;
    this.#untilMillis.delete(leaseKey);
    return false;
  }
}
