import { codeOnly } from './blank.ts';
import { type Finding, type SourceFile, lineAt } from './source.ts';

const usingPattern = /\b(?:await )?using [\w$]+ =/g;

/**
 * Every `using` inside a loop of the same function. esbuild 0.28, by which tsx runs the sources, keeps the fault of one round
 * in a variable of the whole function and throws it again at the end of every later round.
 */
export function usingFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const code = codeOnly(file.text);
    return [...code.matchAll(usingPattern)]
      .filter((match) => isInLoop(code, match.index))
      .map((match) => ({
        file: file.path,
        line: lineAt(file.text, match.index),
        rule: 'a `using` inside a loop throws the fault of an earlier round again when tsx runs it',
        remedy: 'put the body of the loop into a function of its own',
      }));
  });
}

/** Whether the innermost function around an offset has a loop around it there. */
function isInLoop(code: string, offset: number): boolean {
  for (let open = openingBefore(code, offset); open !== -1; open = openingBefore(code, open)) {
    const head = headOf(code.slice(0, open).trimEnd());
    if (head === 'loop') return true;
    if (head === 'function') return false;
  }
  return false;
}

/** The offset of the brace that opens the block around an offset; -1 when there is none. */
function openingBefore(code: string, offset: number): number {
  let depth = 0;
  for (let index = offset - 1; index >= 0; index -= 1) {
    if (code[index] === '}') depth += 1;
    else if (code[index] === '{') {
      if (depth === 0) return index;
      depth -= 1;
    }
  }
  return -1;
}

/** What the text before a brace makes of its block. */
function headOf(before: string): 'loop' | 'function' | 'other' {
  if (/\bdo$/.test(before)) return 'loop';
  if (/(?:=>|\)\s*:[^)]*)$/.test(before)) return 'function';
  if (!before.endsWith(')')) return 'other';
  const opening = before.slice(0, parenthesisOf(before)).trimEnd();
  if (/\b(?:for|for await|while)$/.test(opening)) return 'loop';
  return /\b(?:if|switch|catch)$/.test(opening) ? 'other' : 'function';
}

/** The offset of the parenthesis that the last character closes. */
function parenthesisOf(text: string): number {
  let depth = 0;
  for (let index = text.length - 1; index >= 0; index -= 1) {
    if (text[index] === ')') depth += 1;
    else if (text[index] === '(') depth -= 1;
    if (depth === 0) return index;
  }
  return 0;
}
