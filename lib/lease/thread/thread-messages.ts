import { type ErrorSubject, MillraceError, type ErrorCode, type Reaction, messageOf } from '../../base/error.ts';
import type { MillraceEvent } from '../../event/event.ts';
import type { HandoffBegun, KeeperOutcome, KeeperRequest, LeaseLost } from '../keeper-messages.ts';
import type { Lease } from '../lease.ts';

/** What the main thread tells the thread of the keeper. Plain data; a call has a number, and is answered under it. */
export type ToKeeperThread =
  /** `serviceTimeMillis`: what LATEST means for a row that Java made, milliseconds since 1970. */
  | { readonly type: 'begin'; readonly id: number; readonly leaseKey: string; readonly serviceTimeMillis: number }
  | { readonly type: 'ask'; readonly id: number; readonly request: Exclude<KeeperRequest, { type: 'begin' }> }
  /** The caller of a begin has given up; it is answered all the same. */
  | { readonly type: 'cancel'; readonly id: number }
  /** A tenure was found expired where its data are handed out. */
  | { readonly type: 'drop'; readonly leaseKey: string; readonly tenure: number }
  | { readonly type: 'renewSoon'; readonly leaseKey: string }
  | { readonly type: 'run' }
  | { readonly type: 'stop' };

/** What the thread of the keeper tells the main thread, in the order in which it happened. */
export type FromKeeperThread =
  /** A tenure has begun; `certainty` is the memory of its `Certainty`. */
  | { readonly type: 'held'; readonly lease: Lease; readonly certainty: SharedArrayBuffer }
  | { readonly type: 'begun'; readonly id: number; readonly lease: Lease | undefined }
  | { readonly type: 'answered'; readonly id: number; readonly outcome: KeeperOutcome }
  | { readonly type: 'failed'; readonly id: number; readonly fault: FaultData }
  | { readonly type: 'lost'; readonly lost: LeaseLost }
  | { readonly type: 'handoff'; readonly begun: HandoffBegun }
  | { readonly type: 'event'; readonly event: MillraceEvent }
  /** The run has ended, with a fault or without. */
  | { readonly type: 'ended'; readonly fault: FaultData | undefined };

/** A MillraceError as plain data; of the cause, which may be anything, the message stays. */
export interface FaultData {
  readonly code: ErrorCode;
  readonly message: string;
  readonly subject: ErrorSubject;
  readonly reaction: Reaction;
  readonly cause: string | undefined;
}

/** Makes plain data of an error. */
export function faultData({ code, message, subject, reaction, cause }: MillraceError): FaultData {
  const text = cause === undefined ? undefined : messageOf(cause);
  return { code, message: message.slice(`${code}: `.length), subject: { ...subject }, reaction, cause: text };
}

/** Makes an error of its data again. */
export function faultOf({ code, message, subject, reaction, cause }: FaultData): MillraceError {
  return new MillraceError(code, message, {
    subject,
    reaction,
    ...(cause === undefined ? {} : { cause: new Error(cause) }),
  });
}
