import type { Readable } from 'node:stream';

/** Lines that came together, without their newlines. */
export type LineGroup = readonly Buffer[];

/**
 * The lines of an input, in groups of what has arrived together, so that a slow input is not waited for and a fast one is
 * not taken apart line by line. The last line needs no newline. Ends when the input does, or early when the signal aborts;
 * what has come of a line until then is a line. Bytes are passed on as they are.
 */
export async function* inputLines(input: Readable, early: AbortSignal): AsyncGenerator<LineGroup, void, undefined> {
  let begun: Buffer[] = [];
  for await (const chunk of chunksOf(input, early)) {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, start)) {
      const line = Buffer.concat([...begun, chunk.subarray(start, end)]);
      begun = [];
      lines.push(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
      start = end + 1;
    }
    if (start < chunk.length) begun.push(chunk.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (begun.length > 0) yield [Buffer.concat(begun)];
}

async function* chunksOf(input: Readable, early: AbortSignal): AsyncGenerator<Buffer, void, undefined> {
  // Ends the loop where a terminal or a pipe says nothing: destroyed without an error, an input only ends.
  const end = () => input.destroy();
  early.addEventListener('abort', end, { once: true });
  try {
    if (early.aborted) return;
    for await (const chunk of input) yield Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
  } catch (thrown) {
    if (!early.aborted) throw thrown;
  } finally {
    early.removeEventListener('abort', end);
  }
}
