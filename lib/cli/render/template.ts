import type { RecordLine } from '../../app/record-line.ts';
import { escapeControl, nearestName } from '../../base/text.ts';

/** The fields that a template may name. */
export const templateFields = [
  'streamName',
  'shardId',
  'sequenceNumber',
  'subSequenceNumber',
  'partitionKey',
  'approximateArrivalTimestamp',
  'encoding',
  'data',
] as const satisfies readonly (keyof RecordLine)[];

/** Makes a record's line, without a newline; with `escaped` nothing in the record moves a terminal's cursor. */
export type Template = (line: RecordLine, escaped: boolean) => string;

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '\\': '\\', '{': '{', '}': '}' };

/**
 * Compiles a template: `{field}` is a field of the record, `\n`, `\t`, `\\`, `\{` and `\}` are what they are in most
 * languages, everything else stands for itself.
 * @throws Error whose message says what to give
 */
export function compileTemplate(text: string): Template {
  const parts = [...text.matchAll(/\\(.)|\{([^{}]*)\}|([{}])|([^\\{}]+|\\$)/gsu)].map(partOf);
  return (line, escaped) =>
    parts
      .map((part) => {
        if (typeof part === 'string') return part;
        const value = String(line[part.field]);
        return escaped ? escapeControl(value) : value;
      })
      .join('');
}

function partOf([whole, escape, field, brace]: RegExpMatchArray): string | { readonly field: keyof RecordLine } {
  if (escape !== undefined) {
    const meant = escapes[escape];
    if (meant === undefined) throw new Error(`give \\n, \\t, \\\\, \\{ or \\} in place of \\${escape}`);
    return meant;
  }
  if (brace !== undefined) throw new Error(`give \\${brace} for a brace alone`);
  if (field === undefined) return whole;
  const known = templateFields.find((one) => one === field);
  if (known !== undefined) return { field: known };
  const nearest = nearestName(field, templateFields);
  throw new Error(
    nearest === undefined ? `give fields among ${templateFields.join(', ')}` : `did you mean {${nearest}}?`,
  );
}
