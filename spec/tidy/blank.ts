/** What a stretch of TypeScript text is, as far as the house rules care. */
type Kind = 'code' | 'comment' | 'string' | 'regex';

interface Piece {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

/** The text with comments replaced by spaces: offsets and lines stay. */
export function withoutComments(text: string): string {
  return blank(text, ['comment']);
}

/** The text with comments and the insides of strings, templates and regular expressions replaced by spaces. */
export function codeOnly(text: string): string {
  return blank(text, ['comment', 'string', 'regex']);
}

function blank(text: string, kinds: readonly Kind[]): string {
  return pieces(text)
    .map(({ kind, start, end }) => {
      const piece = text.slice(start, end);
      return kinds.includes(kind) ? piece.replaceAll(/[^\n]/g, ' ') : piece;
    })
    .join('');
}

/**
 * Cuts TypeScript text into code, comments, strings and regular expressions. A template's `${...}` is code again.
 * Whether a slash begins a regular expression is told by what stands before it, as simple highlighters do.
 */
function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  const templates: number[] = [];
  let depth = 0;
  let codeStart = 0;
  let at = 0;
  const cut = (kind: Kind, end: number) => {
    if (at > codeStart) found.push({ kind: 'code', start: codeStart, end: at });
    found.push({ kind, start: at, end });
    at = end;
    codeStart = end;
  };
  const cutTemplate = (start: number) => {
    const end = templateEnd(text, start);
    if (text.startsWith('${', end)) templates.push(depth);
    cut('string', end);
  };
  while (at < text.length) {
    const character = text.charAt(at);
    if (text.startsWith('//', at)) cut('comment', endOf(text, '\n', at));
    else if (text.startsWith('/*', at)) cut('comment', endOf(text, '*/', at + 2) + 2);
    else if (character === "'" || character === '"') cut('string', quoteEnd(text, at));
    else if (character === '`') cutTemplate(at + 1);
    else if (character === '/' && beginsRegex(text.slice(codeStart, at))) cut('regex', regexEnd(text, at));
    else if (character === '}' && templates.at(-1) === depth - 1) {
      templates.pop();
      depth -= 1;
      at += 1;
      cutTemplate(at);
    } else {
      if (character === '{') depth += 1;
      if (character === '}') depth -= 1;
      at += 1;
    }
  }
  if (at > codeStart) found.push({ kind: 'code', start: codeStart, end: at });
  return found;
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end;
}

function quoteEnd(text: string, start: number): number {
  const quote = text.charAt(start);
  let at = start + 1;
  while (at < text.length && text.charAt(at) !== quote && text.charAt(at) !== '\n')
    at += text.charAt(at) === '\\' ? 2 : 1;
  return Math.min(text.length, at + 1);
}

/** The end of the piece of a template that begins at `start`: after its closing backtick, or before its next `${`. */
function templateEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    if (text.charAt(at) === '`') return at + 1;
    if (text.startsWith('${', at)) return at;
    at += text.charAt(at) === '\\' ? 2 : 1;
  }
  return text.length;
}

function beginsRegex(before: string): boolean {
  const trimmed = before.trimEnd();
  return trimmed === '' || /[([{,;:=!&|?+\-*%<>~^]$/.test(trimmed) || /\b(?:return|typeof|case|in|of)$/.test(trimmed);
}

function regexEnd(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text.charAt(at) !== '\n') {
    const character = text.charAt(at);
    if (character === '/' && !inClass) return at + 1;
    if (character === '[') inClass = true;
    if (character === ']') inClass = false;
    at += character === '\\' ? 2 : 1;
  }
  return at;
}
