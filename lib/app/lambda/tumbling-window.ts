import { MillraceError, messageOf } from '../../base/error.ts';
import type { KinesisRecord } from '../../block/record.ts';

/** The largest state that Lambda carries from one invocation to the next. */
export const mostStateBytes = 1024 * 1024;

/**
 * One tumbling window of one shard: its bounds by arrival time, the state that the function carries on, and the records
 * that are finished only when the window's last invocation is.
 */
export class TumblingWindow {
  readonly startMillis: number;
  readonly endMillis: number;
  /** JSON, as between two invocations of Lambda: what a failed invocation has done to the state that it got is gone. */
  #state = '{}';
  /** Records whose invocation succeeded, or that were left out. */
  readonly held: KinesisRecord[] = [];

  constructor(first: KinesisRecord, lengthMillis: number) {
    this.startMillis = Math.floor(first.arrivalTimeMillis / lengthMillis) * lengthMillis;
    this.endMillis = this.startMillis + lengthMillis;
  }

  /** Whether a record is of this window. Arrival times are approximate: one that seems to be older is, too. */
  includes(record: KinesisRecord): boolean {
    return record.arrivalTimeMillis < this.endMillis;
  }

  /**
   * Takes what the function returned as state.
   * @throws MillraceError `MR_LAMBDA_RESPONSE` for what is no JSON
   */
  carry(state: unknown): void {
    this.#state = jsonOf(state ?? {});
  }

  /** Whether the state is larger than Lambda allows: the window ends early then. */
  get isStateTooLarge(): boolean {
    return Buffer.byteLength(this.#state) > mostStateBytes;
  }

  /** The fields of an event. */
  fields(shardId: string, isFinal: boolean, isEarly: boolean) {
    return {
      window: { start: iso(this.startMillis), end: iso(this.endMillis) },
      state: JSON.parse(this.#state) as unknown,
      shardId,
      isFinalInvokeForWindow: isFinal,
      isWindowTerminatedEarly: isEarly,
    };
  }
}

function jsonOf(state: unknown): string {
  try {
    const text = JSON.stringify(state) as string | undefined;
    if (text !== undefined) return text;
  } catch (thrown) {
    throw badState(messageOf(thrown));
  }
  throw badState(`it is a ${typeof state}`);
}

function badState(why: string): MillraceError {
  return new MillraceError(
    'MR_LAMBDA_RESPONSE',
    `the state that the function returned is no JSON, so the batch counts as failed, as in Lambda: ${why}; ` +
      'return { state } made of objects, arrays, texts, numbers and booleans',
  );
}

/** As Lambda writes it: without milliseconds. */
function iso(millis: number): string {
  return new Date(millis).toISOString().replace('.000Z', 'Z');
}
