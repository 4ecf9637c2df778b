/** What the protocol knows of an answer besides its body, in the SDK's own form. */
export interface AnswerMetadata {
  readonly httpStatusCode: number;
  readonly requestId: string | undefined;
  readonly extendedRequestId: string | undefined;
  readonly cfId: string | undefined;
}

/**
 * An answer that no decoder can read: cut short, too large, or not from the service at all. The call may be repeated;
 * nothing of such an answer is ever used. `classifyAwsError` knows it by its name and calls it transient.
 */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
  /** Set once the answer's head is known; without it the SDK would put a hint about its own classes into the message. */
  $metadata: AnswerMetadata | undefined;
}
