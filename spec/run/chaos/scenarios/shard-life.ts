import { createAdmin } from '../../../../lib/index.ts';
import { machineMillis } from '../ledger-line.ts';
import { type Scenario, cleanPauseMillis, undisturbedMillis } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import type { ChaosWorker } from '../worker-process.ts';

/** A process of Node that loads the worker from TypeScript and takes part in the application. */
const workerStartMillis = 5_000;
/** A merge, until the stream is ACTIVE again and its shards are listed. */
const mergeMillis = 3_000;
/** Several blocks of a shard that is under load. */
const stallMillis = 1_000;

const denied = { kind: 'error', name: 'AccessDeniedException', message: 'not authorized' } as const;

/**
 * The edges of a shard's life that nothing else here takes: what happens to a shard that is not read yet, and to one that
 * alone meets a fault. In each of these one shard is held back on purpose until the last step, so that its silence may be
 * as long as all steps together.
 */
export const shardLifeScenarios: readonly Scenario[] = [
  {
    name: 'waiting-child',
    summary:
      'a merged shard waits for a parent whose handler does not return: it is moved, its worker ends, the next one fails',
    shards: 2,
    needsFaults: true,
    async play(stage) {
      await stage.begin('a', 'b');
      const [first = '', second = ''] = stage.control.openShards.map(({ shardId }) => shardId);
      const stuck = holderOf(stage, second);
      const free = holderOf(stage, first);
      stuck.send({ type: 'stall', shardId: second });
      // A block that was put together before is still handled; the one after that does not come back.
      await stage.until(`${stuck.name} has heard`, () => stuck.lines.some((line) => line.type === 'told'));
      await stage.wait(stallMillis);
      await stage.control.merge(first, second);
      const [child = ''] = stage.control.openShards.map(({ shardId }) => shardId);
      await heldBy(stage, child, free);
      await seek(stage, child);
      await taken(stage, child, 'waitingForParents>lost');
      await heldBy(stage, child, free);
      await stage.terminate(free);
      await taken(stage, child, 'waitingForParents>stopped');
      await heldBy(stage, child, stuck);
      // A leader that is alone reads no lock: whoever asks for one item now asks for the parent.
      await stage.until(`${stuck.name} leads`, () => stage.holdingsOf(stuck).isLeader);
      await stage.options.services.faults?.inject({ operation: 'GetItem', times: 1, effect: denied });
      await endsDenied(stage, stuck);
      await taken(stage, child, 'waitingForParents>failed');
      stage.start('c');
      stage.start('d');
      await stage.settled();
    },
    // The stall; the merge; the child is leased; twice it finds another owner, once after a heartbeat that was refused; the worker
    // that is left leads; workers are started.
    pauseBoundMillis: ({ failoverTimeMillis: F }) =>
      stallMillis + mergeMillis + Math.ceil(F / 3) + 4 * cleanPauseMillis + workerStartMillis + undisturbedMillis,
  },
  {
    name: 'shard-faults',
    summary:
      'a shard is said to be gone and fails alone; another cannot be opened while it is moved and workers end, two with a fault',
    shards: 6,
    needsFaults: true,
    async play(stage) {
      // One for each end on the way, and one that is left: no process is started while the shard is silent.
      await stage.begin('a', 'b', 'c', 'd');
      const [first = '', second = ''] = stage.control.openShards.map(({ shardId }) => shardId);
      await failsAlone(stage, first);
      await stage.settled();
      // Another one: where a shard has failed, it would not be opened for a minute after a seek back.
      await cannotBeOpened(stage, second);
      await failsBeside(stage, second);
      await stage.options.services.faults?.clearFaults();
      await stage.settled();
    },
    // Two seeks; a worker ends with a fault, one without; what they held is evened out; one ends with a fault.
    pauseBoundMillis: ({ failoverTimeMillis: F }) => 2 * Math.ceil(F / 3) + 6 * cleanPauseMillis + undisturbedMillis,
  },
];

/** A fault that passes opens the shard again; one that does not gives it to the other worker. */
async function failsAlone(stage: Stage, shardId: string): Promise<void> {
  const { faults } = stage.options.services;
  const subject = { shardId };
  const isGone = `Shard ${shardId} in stream ${stage.options.name} under account 000000000000 does not exist`;
  const gone = { kind: 'error', name: 'ResourceNotFoundException', message: isGone } as const;
  await faults?.inject({ operation: 'GetRecords', subject, times: 1, effect: gone });
  await taken(stage, shardId, 'reading>starting');
  await stage.settled();
  const before = holderOf(stage, shardId);
  const refused = { kind: 'error', name: 'UnknownOperationException', message: 'no' } as const;
  await faults?.inject({ operation: 'GetRecords', subject, times: 1, effect: refused });
  await taken(stage, shardId, 'draining>failed');
  await stage.until('the other worker handles the shard', () =>
    stage.running.some((worker) => worker !== before && stage.holdingsOf(worker).isHandling(shardId)),
  );
}

/** A shard that Kinesis does not open stays `starting`; it is moved, its worker fails, the next one finishes. */
async function cannotBeOpened(stage: Stage, shardId: string): Promise<void> {
  const { faults } = stage.options.services;
  const subject = { shardId };
  const effect = { kind: 'error', name: 'InternalFailure', statusCode: 500 } as const;
  const open = { operation: 'GetShardIterator', subject };
  await faults?.inject({ ...open, effect });
  await seek(stage, shardId);
  const opening = await starting(stage, shardId);
  await seek(stage, shardId);
  await taken(stage, shardId, 'starting>lost');
  const failing = await starting(stage, shardId, opening);
  await faults?.clearFaults();
  await faults?.inject({ ...open, times: 1, effect: denied });
  await faults?.inject({ ...open, effect });
  await endsDenied(stage, failing.worker);
  await taken(stage, shardId, 'starting>failed');
  const ending = await starting(stage, shardId, failing);
  await stage.terminate(ending.worker);
  await taken(stage, shardId, 'starting>draining');
}

/** The worker that cannot open the shard is not allowed to read another one: it ends, and with it all that it reads. */
async function failsBeside(stage: Stage, shardId: string): Promise<void> {
  const shards = stage.control.openShards.map((shard) => shard.shardId);
  const beside = () => {
    const holder = stage.holderOf(shardId);
    const isOpening = edgesOf(stage, shardId)
      .findLast(({ worker }) => worker === holder)
      ?.edge.endsWith('>starting');
    if (holder === undefined || isOpening !== true) return undefined;
    const other = shards.find((one) => one !== shardId && stage.holdingsOf(holder).isHandling(one));
    return other === undefined ? undefined : { holder, other };
  };
  const isEven = () => stage.running.every((worker) => stage.holdingsOf(worker).shards.length === shards.length / 2);
  await stage.until('two workers hold three shards each', () => isEven() && beside() !== undefined);
  const { holder, other } = beside() ?? {};
  if (holder === undefined || other === undefined) throw new Error(`${shardId} has moved meanwhile`);
  const subject = { shardId: other };
  await stage.options.services.faults?.inject({ operation: 'GetRecords', subject, times: 1, effect: denied });
  await endsDenied(stage, holder);
  await taken(stage, other, 'reading>failed');
  await taken(stage, shardId, 'starting>stopped');
}

/** A worker is refused something for good, says so, and ends with the code of that; what it did last may come again. */
async function endsDenied(stage: Stage, worker: ChaosWorker): Promise<void> {
  stage.giveUpOn(worker);
  await stage.until(`${worker.name} has ended`, () => worker.end !== undefined);
  const ended = worker.lines.findLast((line) => line.type === 'ended');
  const isTold = ended?.fault?.startsWith('MR_ACCESS_DENIED: ') === true;
  stage.expect(isTold, `${worker.name} ended with ${ended?.fault ?? 'nothing'}`);
  stage.excuseTail(worker, machineMillis());
}

function holderOf(stage: Stage, shardId: string): ChaosWorker {
  stage.look();
  const holder = stage.holderOf(shardId);
  if (holder === undefined) throw new Error(`nobody holds ${shardId}`);
  return holder;
}

async function heldBy(stage: Stage, shardId: string, worker: ChaosWorker): Promise<void> {
  await stage.until(`${worker.name} holds ${shardId}`, () => stage.holdingsOf(worker).shards.includes(shardId));
}

/** Moves a shard to its oldest record while it is held: its owner learns of it at its next heartbeat. */
async function seek(stage: Stage, shardId: string): Promise<void> {
  await using admin = createAdmin(stage.consumerOptions);
  await admin.seek({ to: 'TRIM_HORIZON', shards: [shardId] });
  const throughMillis = machineMillis() + stage.checkpointIntervalMillis + undisturbedMillis;
  stage.excuses.push({ shardId, fromMillis: 0, throughMillis });
}

/** Waits until the shard has taken an edge of its life, in any worker. */
async function taken(stage: Stage, shardId: string, edge: string): Promise<void> {
  await stage.until(`${shardId} has gone ${edge}`, () => edgesOf(stage, shardId).some((one) => one.edge === edge));
}

interface Opening {
  readonly worker: ChaosWorker;
  /** How often the shard has begun to be opened by then. */
  readonly count: number;
}

/** Waits until some running worker opens the shard anew, or still does, and cannot. */
async function starting(stage: Stage, shardId: string, before?: Opening): Promise<Opening> {
  let found: Opening | undefined;
  await stage.until(`${shardId} is opened`, () => {
    const edges = edgesOf(stage, shardId);
    const count = edges.filter(({ edge }) => edge.endsWith('>starting')).length;
    const holder = stage.holderOf(shardId);
    const last = edges.findLast(({ worker }) => worker === holder);
    const isOpening = holder !== undefined && last?.edge.endsWith('>starting') === true;
    if (isOpening && count > (before?.count ?? 0)) found = { worker: holder, count };
    return found !== undefined;
  });
  return found as Opening;
}

function edgesOf(stage: Stage, shardId: string): readonly { readonly worker: ChaosWorker; readonly edge: string }[] {
  return stage.workers
    .flatMap((worker) =>
      worker.lines.flatMap((line) =>
        line.type === 'event' && line.event.type === 'shard.changed' && line.event.shardId === shardId
          ? [{ worker, atMillis: line.atMillis, edge: `${line.event.from}>${line.event.to}` }]
          : [],
      ),
    )
    .toSorted((a, b) => a.atMillis - b.atMillis);
}
