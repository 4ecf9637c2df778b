import { decodeJsonPage } from './json-page.ts';
import type { DecodedPage } from './page.ts';
import { UnreadableAnswer } from './unreadable.ts';

/** One event of a subscription. Its records follow the continuation number of the event before. */
export interface SubscribeEvent extends DecodedPage {
  /** Where a new subscription goes on after this event; absent at the end of a closed shard. */
  readonly continuationSequenceNumber: string | undefined;
  readonly millisBehindLatest: number;
}

/**
 * Decodes the payload of one `SubscribeToShardEvent` message of the event stream (JSON; its frame and checksums are the
 * business of `EventFrames`). The records are views of the payload's pieces, which are written over.
 * @throws UnreadableAnswer when it is no JSON, or has not the shape of such an event
 */
export function decodeSubscribeEvent(payload: readonly Buffer[]): SubscribeEvent {
  const page = parsed(payload);
  const millisBehindLatest = page?.millisBehindLatest;
  if (page === undefined || millisBehindLatest === undefined) {
    throw new UnreadableAnswer('an event of the subscription has not the shape of a page of records');
  }
  return { ...page, millisBehindLatest };
}

function parsed(payload: readonly Buffer[]): DecodedPage | undefined {
  try {
    return decodeJsonPage(payload);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new UnreadableAnswer(`an event of the subscription is no JSON: ${thrown.message}`, { cause: thrown });
  }
}
