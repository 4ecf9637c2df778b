import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** The processes that descend from one, as they are now; `ps` itself left out. */
export function descendantsOf(ancestor: number): number[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]);
  const found = new Set([ancestor]);
  // A child may stand before its parent, so the list is gone through until nothing is added.
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const [pid, parent] of pairs) if (found.has(parent)) found.add(pid);
  }
  found.delete(ancestor);
  // ps itself is a child of this process, not of the demo.
  return [...found];
}

/**
 * Waits until none of the processes is left, and answers those that stay. What a command
 * itself starts is gone before it is; tsx may have a compiler beside each process, which ends a moment after it.
 */
export async function staying(pids: Iterable<number>): Promise<number[]> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const alive = [...pids].filter(isAlive);
    if (alive.length === 0 || performance.now() > giveUpAt) return alive;
    await delay(20);
  }
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
