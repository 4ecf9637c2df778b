import type { KillAt } from './worker-settings.ts';

/** One point of the crash matrix. */
export interface CrashPoint {
  readonly name: string;
  readonly killAt: KillAt;
  /** What is needed for the point to come: a shard that has ended, or a second process. */
  readonly needs?: 'ended parent' | 'handover';
}

/** Every point of the crash matrix, in the order of a batch; then what happens beside it. */
export const crashPoints: readonly CrashPoint[] = [
  { name: 'after GetRecords', killAt: { point: 'shard.read', pass: 2 } },
  { name: 'after a range was accepted', killAt: { point: 'batch.started', pass: 2 } },
  { name: 'half-way through writing the plan', killAt: { point: 'half plan', pass: 2 } },
  { name: 'after the plan', killAt: { point: 'step planned', pass: 2 } },
  { name: 'in a function of the program', killAt: { point: 'userFunction', pass: 50 } },
  { name: 'half-way through writing state', killAt: { point: 'half manifest', pass: 2 } },
  { name: 'after the state is written', killAt: { point: 'step stateWritten', pass: 2 } },
  { name: 'half-way through writing to a sink', killAt: { point: 'half sink', pass: 2 } },
  { name: 'after the sinks', killAt: { point: 'step outputsDone', pass: 2 } },
  { name: 'after the commit', killAt: { point: 'step committed', pass: 2 } },
  { name: 'after the acknowledgement', killAt: { point: 'step acknowledged', pass: 2 } },
  { name: 'half-way through a snapshot', killAt: { point: 'half snapshot', pass: 2 } },
  { name: 'before garbage is removed', killAt: { point: 'removal begins', pass: 2 } },
  { name: 'between two removals of garbage', killAt: { point: 'removal', pass: 2 } },
  { name: 'during a handover', killAt: { point: 'lease.released', pass: 1 }, needs: 'handover' },
  {
    name: "between a parent's end and its child's start",
    killAt: { point: 'shard ended', pass: 1 },
    needs: 'ended parent',
  },
];
