import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextTurn } from '../../lib/base/turn.ts';
import { ByteBudget, type Reservation } from '../../lib/receiver/byte-budget.ts';

const never = new AbortController().signal;

/** Asks, and notes under the name when it is granted. */
function ask(budget: ByteBudget, granted: string[], name: string, bytes: number, signal = never): Promise<Reservation> {
  const reservation = budget.reserve(bytes, signal);
  reservation.then(
    () => granted.push(name),
    () => granted.push(`${name} refused`),
  );
  return reservation;
}

describe('ByteBudget', () => {
  it('serves in turn: a small request does not overtake a large one that waits', async () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const first = await ask(budget, granted, 'first', 60);
    const large = ask(budget, granted, 'large', 80);
    void ask(budget, granted, 'small', 10);
    await nextTurn();
    expect(granted).toEqual(['first']);
    first.release();
    await nextTurn();
    expect(granted).toEqual(['first', 'large', 'small']);
    (await large).release();
    expect(budget.takenBytes).toBe(10);
  });

  it('gives at once what fits, unless somebody waits', async () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const first = budget.reserveNow(60);
    expect(first?.bytes).toBe(60);
    expect(budget.reserveNow(41)).toBeUndefined();
    expect(budget.takenBytes).toBe(60);
    const large = ask(budget, granted, 'large', 80);
    expect(budget.reserveNow(10)).toBeUndefined();
    first?.release();
    await large;
    expect(granted).toEqual(['large']);
    expect(budget.reserveNow(20)?.bytes).toBe(20);
    expect(new ByteBudget(1).reserveNow(50)?.bytes).toBe(50);
  });

  it('always lets one page be in flight, however large', async () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const giant = await ask(budget, granted, 'giant', 5_000);
    void ask(budget, granted, 'next', 1);
    await nextTurn();
    expect(granted).toEqual(['giant']);
    giant.release();
    await nextTurn();
    expect(granted).toEqual(['giant', 'next']);
  });

  it('lets those behind go on when one gives up in the queue', async () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const first = await ask(budget, granted, 'first', 90);
    const giveUp = new AbortController();
    const large = ask(budget, granted, 'large', 50, giveUp.signal);
    void ask(budget, granted, 'small', 10);
    await nextTurn();
    expect(granted).toEqual(['first']);
    giveUp.abort(new Error('enough'));
    await expect(large).rejects.toThrow('enough');
    await nextTurn();
    expect(granted).toEqual(['first', 'large refused', 'small']);
    first.release();
    expect(budget.takenBytes).toBe(10);
  });

  it('refuses a request whose signal has aborted already', async () => {
    const budget = new ByteBudget(100);
    await expect(budget.reserve(1, AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    expect(budget.takenBytes).toBe(0);
  });

  it('corrects a guess, and gives back once', async () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const guess = await budget.reserve(100, never);
    void ask(budget, granted, 'waiting', 50);
    guess.settle(40);
    await nextTurn();
    expect(granted).toEqual(['waiting']);
    guess.release();
    guess.release();
    expect(budget.takenBytes).toBe(50);
  });

  it('counts what is taken at once, even over the limit', async () => {
    const budget = new ByteBudget(100);
    const granted: string[] = [];
    const block = budget.take(150);
    void ask(budget, granted, 'page', 10);
    await nextTurn();
    expect(granted).toEqual([]);
    block.release();
    await nextTurn();
    expect(granted).toEqual(['page']);
  });

  it('lets a shard hold no more than it leaves, however many hold something', async () => {
    const budget = new ByteBudget(1_200);
    expect(budget.requestFor(50)).toBe(50);
    expect(budget.requestFor(5_000)).toBe(300);
    expect(budget.hasShareFor(0, 300)).toBe(true);
    const holders = [0, 0, 0];
    for (let round = 0; round < 100; round += 1) {
      for (const [index, held] of holders.entries()) {
        if (!budget.hasShareFor(held, 10)) continue;
        budget.take(10);
        holders[index] = held + 10;
      }
    }
    expect(holders).toEqual([300, 300, 300]);
    expect(budget.hasShareFor(0, 10)).toBe(true);
    await budget.reserve(300, never);
  });

  it('is never above the limit except by one page, serves in order, and ends empty', async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('reserve' as const), bytes: fc.integer({ min: 1, max: 150 }) }),
      fc.record({ type: fc.constant('release' as const), which: fc.nat(10) }),
      fc.record({ type: fc.constant('abort' as const), which: fc.nat(10) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const budget = new ByteBudget(100);
        const order: number[] = [];
        const held: { reservation: Reservation; bytes: number }[] = [];
        const waiting = new Map<number, AbortController>();
        for (const [index, one] of steps.entries()) {
          if (one.type === 'reserve') {
            const controller = new AbortController();
            waiting.set(index, controller);
            void budget.reserve(one.bytes, controller.signal).then(
              (reservation) => {
                waiting.delete(index);
                order.push(index);
                held.push({ reservation, bytes: one.bytes });
              },
              () => waiting.delete(index),
            );
          } else if (one.type === 'release') held.splice(one.which, 1)[0]?.reservation.release();
          else [...waiting.values()][one.which]?.abort(new Error('enough'));
          await nextTurn();
          expect(budget.takenBytes).toBe(held.reduce((sum, { bytes }) => sum + bytes, 0));
          if (held.length > 1) expect(budget.takenBytes).toBeLessThanOrEqual(100);
          if (waiting.size > 0) expect(held.length).toBeGreaterThan(0);
        }
        while (held.length > 0) {
          held.shift()?.reservation.release();
          await nextTurn();
        }
        expect(waiting.size).toBe(0);
        expect(budget.takenBytes).toBe(0);
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});
