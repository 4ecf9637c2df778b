import { describe, expect, it } from 'vitest';
import { StateHolder } from '../../lib/base/state.ts';
import { type ShardState, shardEdges } from '../../lib/receiver/shard-state.ts';

const states: readonly ShardState[] = [
  { tag: 'waitingForParents' },
  { tag: 'starting' },
  { tag: 'reading' },
  { tag: 'draining', why: 'request' },
  { tag: 'ended' },
  { tag: 'lost' },
  { tag: 'stopped' },
  { tag: 'failed', fault: 'f' },
];

describe('the states of a shard', () => {
  it('lead from waiting over starting, reading and draining to an end, and from every one to lost, stopped and failed', () => {
    const legal = states.flatMap((from) =>
      states
        .filter((to) => {
          const holder = new StateHolder<ShardState>(from, shardEdges);
          try {
            holder.become(to);
            return holder.current === to;
          } catch {
            return false;
          }
        })
        .map((to) => `${from.tag} -> ${to.tag}`),
    );
    const exits = ['waitingForParents', 'starting', 'reading', 'draining'].flatMap((from) =>
      ['lost', 'stopped', 'failed'].map((to) => `${from} -> ${to}`),
    );
    expect([...legal].sort()).toEqual(
      [
        ...exits,
        'waitingForParents -> starting',
        'starting -> reading',
        'starting -> draining',
        'reading -> starting',
        'reading -> draining',
        'draining -> ended',
      ].sort(),
    );
  });

  it('has no way back', () => {
    const holder = new StateHolder<ShardState>({ tag: 'ended' }, shardEdges);
    expect(() => holder.become({ tag: 'reading' })).toThrow('illegal change of state: ended -> reading');
  });
});
