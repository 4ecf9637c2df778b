import { nextTurn } from '../../base/turn.ts';
import type { AnswerHead, Exchange } from './exchange.ts';
import type { AnswerEffect } from './faults.ts';

/** Turns of the event loop until what was written has been handed to the system; HTTP/2 gathers its frames for one. */
const turnsToFlush = 5;

/** Sends a body as an effect leaves it; `content-length` still tells the whole. */
export async function sendHarmed(
  exchange: Exchange,
  head: AnswerHead,
  chunks: readonly Uint8Array[],
  effect: AnswerEffect,
): Promise<void> {
  if (effect.kind === 'body') {
    const body = typeof effect.body === 'string' ? Buffer.from(effect.body) : effect.body;
    const headers: Record<string, string> = { ...head.headers, 'content-length': String(body.length) };
    if (effect.contentType !== undefined) headers['content-type'] = effect.contentType;
    await exchange.send({ status: effect.statusCode ?? 200, headers }, [body]);
    return;
  }
  const whole = Buffer.concat(chunks);
  if (effect.kind === 'cut') await cutOff(exchange, head, whole, effect);
  else await exchange.send(head, [corrupted(whole, effect, 0)]);
}

async function cutOff(
  exchange: Exchange,
  head: AnswerHead,
  whole: Buffer,
  { afterBytes = 0, how = 'connection' }: AnswerEffect & { kind: 'cut' },
): Promise<void> {
  if (afterBytes > 0) {
    const stream = exchange.open(head);
    await stream.write(whole.subarray(0, afterBytes));
    await flushed();
  }
  exchange.cut(how);
}

/** Lets the bytes go on their way before the connection does. */
async function flushed(): Promise<void> {
  for (let turn = 0; turn < turnsToFlush; turn += 1) await nextTurn();
}

/** Streams frames as an effect leaves them, until they end or the caller has gone. Tells of the bytes of each. */
export async function streamHarmed(
  exchange: Exchange,
  head: AnswerHead,
  frames: AsyncIterable<Uint8Array>,
  effect: AnswerEffect | undefined,
  onSent: (bytes: number) => void,
): Promise<void> {
  const stream = exchange.open(head);
  let sent = 0;
  for await (const frame of frames) {
    if (exchange.gone.aborted) return;
    if (effect?.kind === 'cut' && sent + frame.length >= (effect.afterBytes ?? 0)) {
      await stream.write(frame.subarray(0, (effect.afterBytes ?? 0) - sent));
      await flushed();
      exchange.cut(effect.how ?? 'connection');
      return;
    }
    onSent(frame.length);
    await stream.write(harmed(frame, effect, sent));
    sent += frame.length;
  }
  stream.end();
}

function harmed(frame: Uint8Array, effect: AnswerEffect | undefined, sent: number): Uint8Array {
  if (effect?.kind === 'corrupt') return corrupted(frame, effect, sent);
  if (effect?.kind === 'body' && sent === 0) {
    return typeof effect.body === 'string' ? Buffer.from(effect.body) : effect.body;
  }
  return frame;
}

function corrupted(bytes: Uint8Array, { atByte = 0 }: AnswerEffect & { kind: 'corrupt' }, offset: number): Uint8Array {
  const place = atByte - offset;
  if (place < 0 || place >= bytes.length) return bytes;
  const copy = Uint8Array.from(bytes);
  copy[place] = (copy[place] ?? 0) ^ 0xff;
  return copy;
}
