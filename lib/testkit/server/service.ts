import type { CallSubject } from './faults.ts';
import type { RequestReader } from './request.ts';
import type { WireFormat, WireValue } from './wire-format.ts';

/** What a service answers. */
export type Reply =
  | { readonly kind: 'value'; readonly value: WireValue }
  /** A body made ready before; `done` hears when its buffers may be written again. */
  | { readonly kind: 'bytes'; readonly chunks: readonly Uint8Array[]; readonly done?: () => void }
  /** An event stream: its frames. The iteration is ended when the caller goes. */
  | { readonly kind: 'events'; readonly frames: AsyncIterable<Uint8Array> };

/** A call of a service. */
export interface ServiceCall {
  readonly operation: string;
  readonly request: RequestReader;
  readonly format: WireFormat;
  /** Aborts when the caller has gone; made when first looked at. */
  readonly gone: () => AbortSignal;
}

/** One service behind the server. */
export interface FakeService {
  /** What stands before the dot of `x-amz-target`. */
  readonly target: string;
  /** Before the name of an error in `__type`. */
  readonly errorPrefix: string;
  readonly formats: readonly WireFormat[];
  /** Whether `x-amz-crc32` goes with each answer. */
  readonly checksums: boolean;
  /** Answers a call; throws an error made by `awsError` to refuse it; `undefined` for an operation that it does not have. */
  answer(call: ServiceCall): Reply | undefined;
  /** What a call is about, for faults; never throws. */
  subjectOf(request: RequestReader): CallSubject;
}
