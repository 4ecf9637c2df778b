import type { KnownOptions } from '../options-of.ts';

/** For commands that work on a stream alone: whatever application the environment or a file names, it is not meant. */
export const withoutApplication: KnownOptions = { fixed: { 'application-name': 'millrace-without-application' } };
