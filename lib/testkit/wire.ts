import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { awsError, networkError } from './aws-error.ts';
import { between, chance } from './fork-random.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What may happen to a call on its way; each is a fault that the simulator counts. */
export type WireFault =
  | 'slowRequest'
  | 'slowAnswer'
  | 'lostRequest'
  | 'lostAnswer'
  | 'duplicate'
  | 'throttled'
  | 'serverError'
  | 'denied';

/** The faults that are drawn for each call, in the order in which they are drawn. */
const drawnFaults = [
  'throttled',
  'serverError',
  'lostRequest',
  'lostAnswer',
  'duplicate',
  'slowRequest',
  'slowAnswer',
  'denied',
] as const satisfies readonly WireFault[];

/** How likely each fault of a call is: 0 to 1. */
export type WireOdds = Readonly<Record<(typeof drawnFaults)[number], number>>;

/** A wire without faults. */
export const calmOdds: WireOdds = {
  throttled: 0,
  serverError: 0,
  lostRequest: 0,
  lostAnswer: 0,
  duplicate: 0,
  slowRequest: 0,
  slowAnswer: 0,
  denied: 0,
};

/** What a {@link Wire} is made with. */
export interface WireOptions {
  /** The time of the world. */
  readonly clock: Clock;
  /** Who calls. */
  readonly process: WorkerProcess;
  readonly random: Random;
  /** Each way takes from 1 ms up to this: 5 ms. */
  readonly maxLatencyMillis?: number;
  /** How long a slow request or answer takes at most: 20,000 ms. */
  readonly maxSlowMillis?: number;
  /** After how long a call without an answer fails by itself: 10,000 ms, as in Millrace's clients. */
  readonly timeoutMillis?: number;
  /** How a fault of the service or of the network reaches the caller. */
  readonly toFault: (error: unknown, operation: string, signal: AbortSignal) => unknown;
  /** Told of each call that is sent. */
  readonly onCall?: (operation: string) => void;
  /** Told of each fault, when it is drawn. */
  readonly onFault?: (fault: WireFault, operation: string) => void;
}

/**
 * The way between one worker and one service. Requests and answers take time; they may be lost, slow or doubled, so that
 * a call which was applied looks as if it had failed, and one that was given up is applied later. A call under way is not
 * undone when its caller gives up, pauses or dies.
 */
export class Wire {
  readonly #options: WireOptions;
  odds: WireOdds = calmOdds;
  /** Whether requests reach the service. */
  requestsPass = true;
  /** Whether answers reach the worker. */
  answersPass = true;
  /** After so many more answers neither requests nor answers pass; never when absent. */
  answersUntilCut: number | undefined;
  /** Whether the service refuses the worker for lack of a permission; or only some of its operations. */
  denies: boolean | readonly string[] = false;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Ends all faults of this wire; what is under way stays as it was drawn. */
  heal(): void {
    this.odds = calmOdds;
    this.requestsPass = true;
    this.answersPass = true;
    this.denies = false;
    this.answersUntilCut = undefined;
  }

  /** Makes a call: `perform` is what the service does when the request arrives. */
  call<T>(operation: string, signal: AbortSignal, perform: () => Promise<T>): Promise<T> {
    const { toFault } = this.#options;
    return new Promise<T>((resolve, reject) => {
      const fail = (error: unknown) => reject(toFault(error, operation, signal));
      if (signal.aborted) {
        fail(signal.reason);
        return;
      }
      this.#options.onCall?.(operation);
      const onAbort = () => fail(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      const hear = (say: () => void) => {
        signal.removeEventListener('abort', onAbort);
        say();
      };
      const caller: Caller<T> = {
        answer: (value) => hear(() => resolve(value)),
        error: (error) => hear(() => fail(error)),
      };
      // What stopped a process in the midst of its work leaves it no time to send: not before it goes on, or never.
      if (this.#options.process.life === 'running') this.#send(operation, perform, caller);
      else void this.#options.process.runs().then(() => this.#send(operation, perform, caller));
    });
  }

  #send<T>(operation: string, perform: () => Promise<T>, caller: Caller<T>): void {
    const fault = this.#draw(operation);
    if (fault !== undefined) this.#options.onFault?.(fault, operation);
    if (fault === 'throttled' || fault === 'serverError' || fault === 'denied') {
      this.#answerLater(this.#latency(), () => caller.error(refusalOf(fault)));
      return;
    }
    if (fault === 'lostRequest' || !this.requestsPass) {
      this.#failLater(caller);
      return;
    }
    const requestMillis = this.#latency() + (fault === 'slowRequest' ? this.#slow() : 0);
    const isLost = fault === 'lostAnswer';
    if (isLost) this.#failLater(caller, requestMillis);
    else if (fault === 'slowRequest' || fault === 'slowAnswer') this.#failLater(caller, this.#timeoutMillis, true);
    this.#arrive(requestMillis, perform, isLost ? undefined : caller, fault === 'slowAnswer' ? this.#slow() : 0);
    if (fault === 'duplicate') this.#arrive(requestMillis + this.#slow(), perform, undefined, 0);
  }

  /** The request arrives; its answer goes to the caller, if there is one. */
  #arrive<T>(
    requestMillis: number,
    perform: () => Promise<T>,
    caller: Caller<T> | undefined,
    slowMillis: number,
  ): void {
    this.#options.clock.timer(requestMillis, () => {
      const back = (say: (to: Caller<T>) => void) => {
        if (caller === undefined) return;
        if (this.#lets()) this.#answerLater(this.#latency() + slowMillis, () => say(caller));
        else this.#failLater(caller);
      };
      perform().then(
        (value) => back((to) => to.answer(value)),
        (error: unknown) => back((to) => to.error(error)),
      );
    });
  }

  /** Whether an answer may pass; the last one of a wire that is to be cut cuts it. */
  #lets(): boolean {
    if (!this.answersPass) return false;
    if (this.answersUntilCut === undefined) return true;
    this.answersUntilCut -= 1;
    if (this.answersUntilCut <= 0) {
      this.answersUntilCut = undefined;
      this.requestsPass = false;
      this.answersPass = false;
    }
    return true;
  }

  #answerLater(millis: number, say: () => void): void {
    const { clock, process } = this.#options;
    clock.timer(millis, () => process.deliver(say));
  }

  /** No answer comes: the connection breaks soon, or the time of the call runs out. */
  #failLater<T>(caller: Caller<T>, afterMillis = 0, atTimeout = false): void {
    const { random } = this.#options;
    const isReset = !atTimeout && chance(random, 0.5);
    const millis = atTimeout ? afterMillis : afterMillis + (isReset ? this.#latency() : this.#timeoutMillis);
    const error = isReset ? networkError('ECONNRESET') : awsError('TimeoutError', 'no answer in time');
    this.#answerLater(millis, () => caller.error(error));
  }

  #draw(operation: string): WireFault | undefined {
    if (this.denies === true || (this.denies !== false && this.denies.includes(operation))) return 'denied';
    if (this.odds === calmOdds) return undefined;
    const { random } = this.#options;
    return drawnFaults.find((fault) => chance(random, this.odds[fault]));
  }

  #latency(): number {
    return between(this.#options.random, 1, this.#options.maxLatencyMillis ?? 5);
  }

  /** Most slow ones are a little slow, some are out of all proportion. */
  #slow(): number {
    const most = this.#options.maxSlowMillis ?? 20_000;
    return most * this.#options.random.next() ** 4;
  }

  get #timeoutMillis(): number {
    return this.#options.timeoutMillis ?? 10_000;
  }
}

interface Caller<T> {
  readonly answer: (value: T) => void;
  readonly error: (error: unknown) => void;
}

function refusalOf(fault: 'throttled' | 'serverError' | 'denied'): Error {
  switch (fault) {
    case 'throttled':
      return awsError('ProvisionedThroughputExceededException');
    case 'serverError':
      return awsError('InternalServerError', 'injected InternalServerError', 500);
    case 'denied':
      return awsError('AccessDeniedException');
  }
}
