import { describe, expect, it } from 'vitest';
import { idleConnectionMillis } from './child-server.ts';
import { startDynalite } from './local-stack.ts';

describe('a server in a child process', () => {
  it('keeps idle connections for longer than a busy machine may pause', async () => {
    await using dynalite = await startDynalite();
    const answer = await fetch(dynalite.endpoint, { headers: { connection: 'keep-alive' } });
    await answer.arrayBuffer();
    expect(answer.headers.get('keep-alive')).toBe(`timeout=${idleConnectionMillis / 1_000}`);
  }, 60_000);
});
