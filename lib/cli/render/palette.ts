/** What a colour says. */
export type Tone = 'good' | 'bad' | 'warning' | 'faint';

/** Colours of a terminal, or none. */
export interface Palette {
  head(text: string): string;
  tone(tone: Tone, text: string): string;
}

/** No colours. */
export const plain: Palette = { head: (text) => text, tone: (_, text) => text };

/** Select Graphic Rendition (ECMA-48): bold, green, red, yellow, faint. */
const codes = { head: 1, good: 32, bad: 31, warning: 33, faint: 2 } as const;

const sgr = (code: number, text: string) => (text === '' ? text : `\u001b[${code}m${text}\u001b[0m`);

/** The colours of a terminal. */
export const colors: Palette = {
  head: (text) => sgr(codes.head, text),
  tone: (tone, text) => sgr(codes[tone], text),
};
