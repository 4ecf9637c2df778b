import { afterEach, beforeEach } from 'vitest';

/**
 * Makes the tests of a `describe` a story: they follow one another on one scene, and after one that failed the rest
 * fail at once, instead of waiting for what cannot come.
 */
export function isStory(): void {
  let failed: string | undefined;
  beforeEach(() => {
    if (failed !== undefined) throw new Error(`not run, since "${failed}" failed before it`);
  });
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') failed ??= task.name;
  });
}
