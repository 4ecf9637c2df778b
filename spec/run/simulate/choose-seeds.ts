import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { root } from './run-seeds.ts';

/** Of so many seeds, one is drawn from the salt. */
const saltedOneOf = 5;

/** The seeds of a run: 1, 2, 3 ... and for each fifth one another, drawn from the salt. */
export function chooseSeeds(count: number, salt: string): readonly number[] {
  const salted = Math.floor(count / saltedOneOf);
  const fixed = Array.from({ length: count - salted }, (_, index) => index + 1);
  const drawn = Array.from({ length: salted }, (_, index) => drawSeed(salt, index));
  return [...fixed, ...drawn];
}

/** Above the fixed ones, so that none comes twice. */
function drawSeed(salt: string, index: number): number {
  const value = createHash('sha256').update(`${salt} ${index}`).digest().readUInt32BE(0);
  return 1_000_000 + (value % 1_000_000_000) + index;
}

/** The commit that is checked out; `none` outside a repository. */
export function currentCommit(): string {
  try {
    const told = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
    return told.toString().trim();
  } catch {
    return 'none';
  }
}
