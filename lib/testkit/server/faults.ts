import type { Random } from '../../base/random.ts';
import type { Cut } from './exchange.ts';

/** What a call is about, as far as its request tells. */
export interface CallSubject {
  readonly streamName?: string;
  readonly shardId?: string;
  readonly tableName?: string;
}

/** What goes wrong, or only slowly. */
export type FakeFaultEffect =
  /** The call is applied and answered so much later. */
  | { readonly kind: 'delay'; readonly delayMillis: number }
  /** The call is refused and not applied: status 400 unless told otherwise. */
  | { readonly kind: 'error'; readonly name: string; readonly message?: string; readonly statusCode?: number }
  /**
   * The call is applied, and its answer ends after so many bytes of the body (0): `connection` (the default) destroys the
   * connection, `stream` resets the stream of HTTP/2, `hang` sends nothing more. In an event stream the bytes are those
   * of the frames.
   */
  | { readonly kind: 'cut'; readonly afterBytes?: number; readonly how?: Cut }
  /** The call is applied, and the byte of the body at this place (0) is another one. */
  | { readonly kind: 'corrupt'; readonly atByte?: number }
  /** The call is applied, and something else is answered: status 200, the content type of the request unless told otherwise. */
  | {
      readonly kind: 'body';
      readonly body: string | Uint8Array;
      readonly statusCode?: number;
      readonly contentType?: string;
    };

/** A fault to inject into the calls of a fake AWS. */
export interface FakeFault {
  /** Such as `GetRecords`; `*` for all. */
  readonly operation: string;
  /** Only calls about this stream, shard or table, where the request tells it. */
  readonly subject?: CallSubject;
  /** How many calls it befalls: all of them. */
  readonly times?: number;
  /** How likely it befalls a call, from 0 to 1, drawn from the seed of the server: 1. */
  readonly probability?: number;
  readonly effect: FakeFaultEffect;
}

/** What happens to the answer of a call that was applied. */
export type AnswerEffect = Exclude<FakeFaultEffect, { kind: 'delay' | 'error' }>;

/** What befalls one call: all delays together, and the first other effect. */
export interface Verdict {
  readonly delayMillis: number;
  readonly error?: FakeFaultEffect & { kind: 'error' };
  readonly answer?: AnswerEffect;
}

const unharmed: Verdict = { delayMillis: 0 };

/** The faults of a server, in the order of their making. */
export class FaultBook {
  readonly #random: Random;
  #faults: { readonly fault: FakeFault; left: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  add(fault: FakeFault): void {
    this.#faults.push({ fault, left: fault.times ?? Infinity });
  }

  clear(): void {
    this.#faults = [];
  }

  /** Decides about one call, and counts it. The subject is asked for only when there are faults. */
  judge(operation: string, subjectOf: () => CallSubject): Verdict {
    if (this.#faults.length === 0) return unharmed;
    const subject = subjectOf();
    let delayMillis = 0;
    let effect: Exclude<FakeFaultEffect, { kind: 'delay' }> | undefined;
    for (const entry of this.#faults) {
      const { fault } = entry;
      if (!concerns(fault, operation, subject)) continue;
      if (fault.effect.kind !== 'delay' && effect !== undefined) continue;
      if (fault.probability !== undefined && this.#random.next() >= fault.probability) continue;
      entry.left -= 1;
      if (fault.effect.kind === 'delay') delayMillis += fault.effect.delayMillis;
      else effect = fault.effect;
    }
    this.#faults = this.#faults.filter((entry) => entry.left > 0);
    if (effect === undefined) return { delayMillis };
    return effect.kind === 'error' ? { delayMillis, error: effect } : { delayMillis, answer: effect };
  }
}

function concerns(fault: FakeFault, operation: string, subject: CallSubject): boolean {
  if (fault.operation !== '*' && fault.operation !== operation) return false;
  return Object.entries(fault.subject ?? {}).every(([name, value]) => subject[name as keyof CallSubject] === value);
}
