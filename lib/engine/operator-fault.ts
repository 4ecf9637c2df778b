import { MillraceError, isMillraceError, messageOf } from '../base/error.ts';
import { type NodeHead, nameOf } from './node-head.ts';

/** Errors of the engine's own that say all there is to say: they pass an operator as they are. */
const passing = ['MR_KEY_INVALID', 'MR_CONFIG_INVALID'] as const;

/** The error of a user function, naming its operator; the engine's own verdict on a key or a shape passes as it is. */
export function operatorFault(node: NodeHead, thrown: unknown): MillraceError {
  if (isMillraceError(thrown) && passing.some((code) => code === thrown.code)) return thrown;
  if (isMillraceError(thrown, 'MR_HANDLER_FAILED') && thrown.message.includes(nameOf(node))) return thrown;
  return new MillraceError('MR_HANDLER_FAILED', `${nameOf(node)} failed: ${messageOf(thrown)}`, { cause: thrown });
}

/** The error of a user function that returned something of another kind than its operator needs. */
export function wrongShape(node: NodeHead, returned: unknown, needed: string): MillraceError {
  return new MillraceError(
    'MR_HANDLER_FAILED',
    `${nameOf(node)} returned ${kindOf(returned)} where ${needed} is needed`,
  );
}

/** The kind of a value in words, without its contents: a message carries no record data. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'number') return Number.isFinite(value) ? 'a number' : String(value);
  if (typeof value === 'object') return `an object (${value.constructor?.name ?? 'without prototype'})`;
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`;
}
