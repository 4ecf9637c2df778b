import { describe, expect, it } from 'vitest';
import { type ErrorCode, MillraceError } from '../../lib/base/error.ts';
import { exitCodeOf, exitCodeOfSignal } from '../../lib/cli/exit-code.ts';

describe('the exit code', () => {
  it.each<[ErrorCode, number]>([
    ['MR_INTERNAL', 1],
    ['MR_POSITION_TRIMMED', 1],
    ['MR_CONFIG_INVALID', 2],
    ['MR_CONFIG_UNKNOWN', 2],
    ['MR_STREAM_NOT_FOUND', 3],
    ['MR_STREAM_NOT_ACTIVE', 3],
    ['MR_STREAM_CHANGED', 3],
    ['MR_TABLE_FOREIGN', 3],
    ['MR_CREDENTIALS_MISSING', 4],
    ['MR_ACCESS_DENIED', 4],
    ['MR_ENDPOINT_UNREACHABLE', 5],
    ['MR_THROTTLED', 5],
    ['MR_HANDLER_FAILED', 6],
    ['MR_DRAIN_TIMEOUT', 7],
  ])('of %s is %i', (code, expected) => {
    expect(exitCodeOf(new MillraceError(code, 'x'))).toBe(expected);
  });

  it('of anything else that is thrown is 1, and of a second signal 128 and its number', () => {
    expect(exitCodeOf(new Error('x'))).toBe(1);
    expect(exitCodeOf('x')).toBe(1);
    expect(exitCodeOfSignal(15)).toBe(143);
  });
});
