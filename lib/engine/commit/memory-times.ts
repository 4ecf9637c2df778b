import type { Memory } from '../memory.ts';
import { type GroupTimes, timeInGroup } from '../window/panes.ts';
import type { Codecs } from './state-pieces.ts';

/**
 * The memory of one group with its windows brought to the times of another, which goes on from it; pure. Every record comes
 * to be in as many windows as it would have been in.
 */
export function memoryAtTimes(memory: Memory, from: GroupTimes, to: GroupTimes, codecs: Codecs): Memory {
  const moved = new Map(memory);
  for (const [operator, kept] of memory) {
    const codec = codecs.get(operator);
    const span = codec?.span;
    if (span === undefined) continue;
    moved.set(operator, codec?.retimed?.(kept, (timeMillis) => timeInGroup(timeMillis, span, from, to)) ?? kept);
  }
  return moved;
}
