import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createTestStream, startDynalite, startKinesisLocal } from '../support/local-stack.ts';

describe('the local stack', () => {
  it('starts both emulators, answers, and leaves no process after stop', async () => {
    const [kinesis, dynalite] = await Promise.all([startKinesisLocal(), startDynalite()]);
    try {
      await createTestStream(kinesis.endpoint, 'orders', 2);
      expect(isAlive(kinesis.pid) && isAlive(dynalite.pid)).toBe(true);
    } finally {
      await Promise.all([kinesis.stop(), dynalite.stop()]);
    }
    expect(isAlive(kinesis.pid) || isAlive(dynalite.pid)).toBe(false);
  }, 70_000);

  it('ends the emulators when the process that started them is killed', async () => {
    const program = `
      import { startDynalite } from ${JSON.stringify(new URL('../support/local-stack.ts', import.meta.url).href)};
      const service = await startDynalite();
      process.stdout.write(String(service.pid));
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(chunk.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    const giveUpAt = performance.now() + 60_000;
    while (isAlive(pid) && performance.now() < giveUpAt) await delay(20);
    expect(isAlive(pid)).toBe(false);
  }, 70_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
