/** What JSON leaves as it is although a terminal acts on it: DEL, the second set of control characters, direction marks. */
const terminalActive = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/**
 * One line of JSON without its newline. Reads back as the same value, except that big integers come back as text, and
 * moves no terminal's cursor.
 */
export function jsonLine(value: object): string {
  return JSON.stringify(value, bigintAsText).replace(
    terminalActive,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
