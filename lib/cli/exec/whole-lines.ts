/** A line longer than this is passed on in pieces. */
const longestLineBytes = 1024 * 1024;

/**
 * Passes on what a program prints in whole lines, so that two programs do not mix within one; what follows the last
 * newline comes at the end. Resolves when the stream has ended and everything was taken.
 */
export async function wholeLines(stream: AsyncIterable<unknown>, take: (text: Buffer) => Promise<void>): Promise<void> {
  let begun: Buffer[] = [];
  let begunBytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const end = chunk.lastIndexOf(0x0a) + 1;
    const isLong = begunBytes + chunk.length > longestLineBytes;
    const taken = isLong ? chunk.length : end;
    if (taken > 0) {
      await take(Buffer.concat([...begun, chunk.subarray(0, taken)]));
      begun = [];
      begunBytes = 0;
    }
    if (taken < chunk.length) {
      begun.push(chunk.subarray(taken));
      begunBytes += chunk.length - taken;
    }
  }
  if (begunBytes > 0) await take(Buffer.concat(begun));
}
