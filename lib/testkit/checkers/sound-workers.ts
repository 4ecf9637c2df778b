import { type ErrorCode, isMillraceError, messageOf } from '../../base/error.ts';
import type { MillraceEvent } from '../../event/event.ts';
import type { CheckContext, CheckedWorker, Checker } from './checker.ts';

/** With what a worker may end when its surroundings fail. */
const expectedEnds: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MR_ABORTED',
  'MR_ACCESS_DENIED',
  'MR_DRAIN_TIMEOUT',
  'MR_ENDPOINT_UNREACHABLE',
  'MR_HANDLER_FAILED',
  'MR_POSITION_TRIMMED',
  'MR_THROTTLED',
  'MR_WORKER_DUPLICATE',
]);

/** Nothing inside breaks: no broken invariant, no fault that the surroundings do not explain, no call after the end. */
export function soundWorkers(context: CheckContext): Checker {
  return new SoundWorkers(context);
}

class SoundWorkers implements Checker {
  readonly promise = 'a worker breaks no invariant of its own, and is silent after its end';
  readonly #context: CheckContext;
  readonly #ended = new Set<string>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  onEvent(worker: CheckedWorker, event: MillraceEvent): void {
    if (event.type === 'fault.seen' && event.code === 'MR_INTERNAL') {
      this.#context.fail(`${worker.id} met a fault of its own: ${event.message}`);
    }
  }

  onCall(worker: CheckedWorker, operation: string): void {
    if (this.#ended.has(worker.id)) this.#context.fail(`${worker.id} called ${operation} after its end`);
  }

  onEnded(worker: CheckedWorker, fault: unknown): void {
    this.#ended.add(worker.id);
    if (fault === undefined) return;
    if (isMillraceError(fault) && expectedEnds.has(fault.code)) return;
    this.#context.fail(`${worker.id} ended with ${messageOf(fault)}`);
  }
}
