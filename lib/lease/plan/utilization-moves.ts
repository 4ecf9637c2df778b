import { type Lease, isEnded } from '../lease.ts';
import type { UnreportedLoad, WorkerMetrics, WorkerView } from './utilization-types.ts';

/** A worker's row as a scan found it. */
export interface ReportedWorker {
  readonly workerIdentifier: string;
  readonly metrics?: WorkerMetrics;
  /** Anything that changes with every report: KCL's `lut`, or a counter. */
  readonly reportMark: number;
  /** The time between two of its reports; KCL's 30 s by default. */
  readonly reportIntervalMillis?: number;
}

/** The values that a row keeps; older moves than these do not matter any more. */
const reportsKept = 10;

interface WorkerMemory {
  readonly reportMark: number;
  /** Reports seen since the last move; the first of them began before it. Undefined when no move is remembered. */
  readonly reports: number | undefined;
  readonly unreported: UnreportedLoad;
}

/**
 * What a leader remembers from scan to scan, so that balancing judges a worker only by metrics newer than its last move
 * (design 5.7). Moves are seen in the rows, so those of other leaders count too. Without this a surplus is moved again:
 *
 * 1. The leader moves a third of A's leases to B. 2. A reports; half of the time that the report speaks of was
 * before the move, and the moving average has older values in it. 3. The leader, three seconds later, still finds A far
 * above the average, and moves more. 4. When the values have caught up, B is the loaded one, and all of it goes back.
 *
 * A new leader cannot know what its predecessor moved a second ago, so it takes every worker that its first scan shows
 * for just moved. Let a candidate observe too while it waits, and it need not wait as a leader.
 */
export class MoveMemory {
  #owners: ReadonlyMap<string, OwnedLease> | undefined;
  #workers: ReadonlyMap<string, WorkerMemory> = new Map();

  /** Notes one scan; call it once for each. Gives the workers with what is known of their moves. */
  observe(leases: readonly Lease[], workers: readonly ReportedWorker[]): readonly WorkerView[] {
    const owners = new Map(
      leases.filter((lease) => !isEnded(lease)).map((lease) => [lease.leaseKey, ownedLease(lease)] as const),
    );
    const moves: Moves = this.#owners === undefined ? new Map() : movesBetween(this.#owners, owners);
    for (const { leaseOwner, checkpointOwner } of leases) {
      if (checkpointOwner === undefined) continue;
      note(moves, checkpointOwner, 0, 0);
      if (leaseOwner !== undefined) note(moves, leaseOwner, 0, 0);
    }
    const isFirst = this.#owners === undefined;
    this.#owners = owners;
    this.#workers = new Map(
      workers.map((worker) => {
        const before = afterReport(this.#workers.get(worker.workerIdentifier), worker.reportMark);
        const moved = moves.get(worker.workerIdentifier) ?? (isFirst ? sum() : undefined);
        return [worker.workerIdentifier, afterMoves(before, moved)] as const;
      }),
    );
    return workers.map((worker) => viewOf(worker, this.#workers.get(worker.workerIdentifier)));
  }
}

interface OwnedLease {
  readonly owner: string | undefined;
  readonly throughputKBps: number;
}

type Moves = Map<string, UnreportedLoad>;

function movesBetween(before: ReadonlyMap<string, OwnedLease>, now: ReadonlyMap<string, OwnedLease>): Moves {
  const moves: Moves = new Map();
  for (const [leaseKey, { owner, throughputKBps }] of now) {
    const previous = before.get(leaseKey)?.owner;
    if (previous === owner) continue;
    if (previous !== undefined) note(moves, previous, -1, -throughputKBps);
    if (owner !== undefined) note(moves, owner, 1, throughputKBps);
  }
  return moves;
}

function note(moves: Moves, workerIdentifier: string, leases: number, throughputKBps: number): void {
  moves.set(workerIdentifier, sum(moves.get(workerIdentifier), { leases, throughputKBps }));
}

function afterReport(before: WorkerMemory | undefined, reportMark: number): WorkerMemory {
  if (before === undefined) return { reportMark, reports: undefined, unreported: sum() };
  if (before.reports === undefined || before.reportMark === reportMark) return { ...before, reportMark };
  const reports = before.reports + 1;
  if (reports > reportsKept) return { reportMark, reports: undefined, unreported: sum() };
  return { reportMark, reports, unreported: reports > 1 ? sum() : before.unreported };
}

function afterMoves(before: WorkerMemory, moved: UnreportedLoad | undefined): WorkerMemory {
  return moved === undefined ? before : { ...before, reports: 0, unreported: sum(before.unreported, moved) };
}

function viewOf(worker: ReportedWorker, memory: WorkerMemory | undefined): WorkerView {
  const { workerIdentifier, metrics, reportIntervalMillis } = worker;
  return {
    workerIdentifier,
    ...(metrics === undefined ? {} : { metrics }),
    ...(reportIntervalMillis === undefined ? {} : { reportIntervalMillis }),
    ...(memory?.reports === undefined
      ? {}
      : { reportsSinceMove: Math.max(0, memory.reports - 1), unreported: memory.unreported }),
  };
}

function ownedLease({ leaseOwner, throughputKBps = 0 }: Lease): OwnedLease {
  return { owner: leaseOwner, throughputKBps };
}

function sum(...loads: readonly (UnreportedLoad | undefined)[]): UnreportedLoad {
  return {
    leases: loads.reduce((total, load) => total + (load?.leases ?? 0), 0),
    throughputKBps: loads.reduce((total, load) => total + (load?.throughputKBps ?? 0), 0),
  };
}
