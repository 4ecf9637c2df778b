import { describe, expect, it } from 'vitest';
import { startDynalite } from '../../support/local-stack.ts';
import { expectAgreement } from './dynamo-agreement.ts';

describe('the items of the fake AWS', () => {
  it('are what dynalite makes of the same calls', async () => {
    await using dynalite = await startDynalite();
    await expect(expectAgreement(dynalite, { runs: 80, twoPaths: false })).resolves.toBeUndefined();
  }, 120_000);
});
