import { boundedMemory } from './bounded-memory.ts';
import { certainOwner } from './certain-owner.ts';
import type { CheckerMaker } from './checker.ts';
import { checkpointsFollowAcks } from './checkpoints.ts';
import { handoffsRepeatNothing } from './handoffs.ts';
import { confirmedLeases } from './confirmed-leases.ts';
import { honestAnswers } from './honest-answers.ts';
import { leasesKept } from './leases-kept.ts';
import { noGap } from './no-gap.ts';
import { oneLeader } from './one-leader.ts';
import { oneWriterPerFence } from './one-writer-per-fence.ts';
import { orderKept } from './order.ts';
import { soundWorkers } from './sound-workers.ts';

/** Every checker of a fleet. */
export const allCheckers: readonly CheckerMaker[] = [
  oneWriterPerFence,
  certainOwner,
  confirmedLeases,
  oneLeader,
  handoffsRepeatNothing,
  checkpointsFollowAcks,
  noGap,
  orderKept,
  leasesKept,
  honestAnswers,
  boundedMemory,
  soundWorkers,
];
