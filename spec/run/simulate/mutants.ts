import type { Replacement } from './mutant-hook.ts';

/** A bug that is put into the library to prove that the checkers look. */
export interface Mutant {
  /** What is wrong, in words joined by hyphens. */
  readonly name: string;
  readonly edits: readonly Replacement[];
  /** Whether an application with an engine must show it: false. */
  readonly engine?: boolean;
}

/** Faults of others, of earlier versions, and of every condition that protects a write. */
export const mutants: readonly Mutant[] = [
  {
    name: 'checkpoint-without-counter',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure },',
        replace: 'condition: { tenure: fence.tenure },',
      },
    ],
  },
  {
    name: 'checkpoint-without-fence',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure },',
        replace: 'condition: {},',
      },
    ],
  },
  {
    name: 'renew-without-fence',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: '    condition: { leaseCounter, tenure, ...(handoffTo === undefined ? { checkpointOwner: null } : {}) },',
        replace: '    condition: { ...(handoffTo === undefined ? { checkpointOwner: null } : {}) },',
      },
    ],
  },
  {
    name: 'release-under-another-tenure',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'const condition = { leaseCounter: fence.leaseCounter, tenure: fence.tenure, checkpointOwner: null };',
        replace: 'const condition = { checkpointOwner: null };',
      },
    ],
  },
  {
    name: 'begin-without-counter',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'condition: { leaseCounter: lease.leaseCounter, leaseOwner: workerIdentifier, checkpointOwner: null },',
        replace: 'condition: { leaseOwner: workerIdentifier, checkpointOwner: null },',
      },
    ],
  },
  {
    name: 'tenure-not-written',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: '      tenure: leaseCounter,\n',
        replace: '      tenure: lease.tenure ?? leaseCounter,\n',
      },
    ],
  },
  {
    name: 'unknown-outcome-taken-as-refused',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'if (leaseCounter === undefined || row.leaseCounter !== leaseCounter + 1) return false;',
        replace: 'if (row.leaseKey !== "") return false;',
      },
    ],
  },
  {
    name: 'unknown-outcome-taken-as-applied',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: '      await pause(clock, backoffMillis(backoff, attempt, random), holding.over.signal);',
        replace: "      return { outcome: 'applied', lease: { ...holding.lease, ...write.set } };",
      },
    ],
  },
  {
    name: 'refusal-taken-as-applied',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: "      if (written.outcome === 'refused') {",
        replace: "      if (written.outcome === 'refused' && written.lease === undefined) {",
      },
    ],
  },
  {
    name: 'expired-lease-not-lost',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: 'return clock.monotonicMillis() - holding.confirmedAtMillis > failoverTimeMillis;',
        replace: 'return clock.monotonicMillis() - holding.confirmedAtMillis > 1e12 * failoverTimeMillis;',
      },
    ],
  },
  {
    name: 'expiry-counted-from-the-answer',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: '        holding.confirmedAtMillis = startedAtMillis;',
        replace: '        holding.confirmedAtMillis = this.#options.clock.monotonicMillis();',
      },
    ],
  },
  {
    name: 'checkpoint-past-unfinished-blocks',
    edits: [
      {
        file: 'lib/receiver/shard-consumer.ts',
        find: '    const { finished } = this.#positions;\n    if (comparePositions(finished',
        replace: '    const { through: finished } = this.#positions;\n    if (comparePositions(finished',
      },
    ],
  },
  {
    name: 'acks-out-of-order-taken-as-all',
    edits: [
      {
        file: 'lib/receiver/finished-positions.ts',
        find: "for (let first = this.#delivered[0]; first?.state === 'finished'; first = this.#delivered[0]) {",
        replace: 'for (let first = this.#delivered[0]; first !== undefined; first = this.#delivered[0]) {',
      },
    ],
  },
  {
    name: 'shard-end-before-the-last-ack',
    edits: [
      {
        file: 'lib/receiver/shard-consumer.ts',
        find: '    await this.settled(this.#over.signal);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'children-not-leased',
    edits: [
      {
        file: 'lib/receiver/shard-end.ts',
        find: '  if (children.length === 0) return;',
        replace: '  if (children.length >= 0) return;',
      },
    ],
  },
  {
    name: 'children-at-latest',
    edits: [
      {
        file: 'lib/lease/plan/shard-sync-plan.ts',
        find: '  return { ...newLease(shard, stream), checkpoint: TRIM_HORIZON, firstSyncEnded: true, ...promised };',
        replace: '  return { ...newLease(shard, stream), checkpoint: LATEST, firstSyncEnded: true, ...promised };',
      },
    ],
  },
  {
    name: 'other-parent-of-a-merge-forgotten',
    edits: [
      {
        file: 'lib/receiver/parent-gate.ts',
        find: '  const waiting = new Set(lease.parentShardIds);',
        replace: '  const waiting = new Set(lease.parentShardIds.slice(0, 1));',
      },
    ],
  },
  {
    name: 'parents-not-waited-for',
    edits: [
      {
        file: 'lib/receiver/parent-gate.ts',
        find: '  const waiting = new Set(lease.parentShardIds);',
        replace: '  const waiting = new Set(lease.parentShardIds.slice(0, 0));',
      },
    ],
  },
  {
    name: 'latest-resolved-at-each-start',
    edits: [
      {
        file: 'lib/receiver/start-position.ts',
        find: "        return { type: 'AT_TIMESTAMP', timestampMillis: lease.initialTimestampMillis };",
        replace: "        return { type: 'LATEST' };",
      },
    ],
  },
  {
    name: 'skip-through-dropped',
    edits: [
      {
        file: 'lib/receiver/start-position.ts',
        find: '    if (position === undefined || records.length === 0) return records;',
        replace: '    if (position !== null) return records;',
      },
    ],
  },
  {
    name: 'resumed-where-the-tenure-began',
    edits: [
      {
        file: 'lib/receiver/shard-intake.ts',
        find: "    if (isFresh || through.kind !== 'SEQUENCE') return this.#begin();",
        replace: '    if (isFresh || through !== null) return this.#begin();',
      },
    ],
  },
  {
    name: 'expired-iterator-reopened-at-latest',
    edits: [
      {
        file: 'lib/kinesis/shard-poller.ts',
        find: "this.#resume = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: last.sequenceNumber };",
        replace: "this.#resume = { type: 'LATEST' };",
      },
    ],
  },
  {
    name: 'listing-of-one-page',
    edits: [
      {
        file: 'lib/kinesis/shard-lister.ts',
        find: '    if (page.nextToken === undefined) return [...shards.values()];',
        replace: '    if (page.shards.length > 0) return [...shards.values()];',
      },
    ],
  },
  {
    name: 'unacked-blocks-without-limit',
    edits: [
      {
        file: 'lib/receiver/intake-room.ts',
        find: 'positions.outstanding >= maxUnackedBlocks ||',
        replace: '',
      },
    ],
  },
  {
    name: 'bytes-never-given-back',
    edits: [
      {
        file: 'lib/receiver/byte-budget.ts',
        find: '      release: () => change(0),',
        replace: '      release: () => {},',
      },
    ],
  },
  {
    name: 'stale-leader-writes',
    edits: [
      {
        file: 'lib/lease/leader-elector.ts',
        find: '    return clock.monotonicMillis() - state.confirmedAtMillis < failoverTimeMillis;',
        replace: '    return clock.monotonicMillis() >= state.confirmedAtMillis;',
      },
    ],
  },
  {
    name: 'leader-does-not-ask-before-it-assigns',
    edits: [
      {
        file: 'lib/lease/assigner.ts',
        find: '    if (!isLeader()) return;\n    const written',
        replace: '    const written',
      },
    ],
  },
  {
    name: 'first-sight-of-a-lock-wins',
    edits: [
      {
        file: 'lib/lease/leader-elector.ts',
        find: "      this.#state.become({ tag: 'following', lock, sinceMillis: now, hasMoved: before !== undefined });\n      return;",
        replace:
          "      this.#state.become({ tag: 'following', lock, sinceMillis: now, hasMoved: before !== undefined });\n      await this.#take({ type: 'unchanged', recordVersionNumber: lock.recordVersionNumber }, signal);\n      return;",
      },
    ],
  },
  {
    name: 'leadership-counted-from-the-answer',
    edits: [
      {
        file: 'lib/lease/leader-elector.ts',
        find: "    this.#state.become({ tag: 'leading', lock, confirmedAtMillis: atMillis });",
        replace: "    this.#state.become({ tag: 'leading', lock, confirmedAtMillis: clock.monotonicMillis() });",
      },
      {
        file: 'lib/lease/leader-elector.ts',
        find: "      this.#state.become({ tag: 'leading', lock, confirmedAtMillis: sent.atMillis });",
        replace: "      this.#state.become({ tag: 'leading', lock, confirmedAtMillis: now });",
      },
    ],
  },
  {
    name: 'lock-taken-without-condition',
    edits: [
      {
        file: 'lib/testkit/fake-lease-table.ts',
        find: '      if (!lockHolds(condition, this.#lock)) return false;',
        replace: "      if (condition.type === 'mine' && !lockHolds(condition, this.#lock)) return false;",
      },
    ],
  },
  {
    name: 'expired-lease-assigned-without-counter',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'checkpointOwner === to;\n  return {\n    leaseKey: lease.leaseKey,\n    condition: {\n      leaseCounter: lease.leaseCounter,\n',
        replace: 'checkpointOwner === to;\n  return {\n    leaseKey: lease.leaseKey,\n    condition: {\n',
      },
    ],
  },
  {
    name: 'pending-handoff-begun-by-the-next-owner',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: '    if (lease?.leaseOwner !== workerIdentifier || lease.checkpointOwner !== undefined) return',
        replace: '    if (lease?.leaseOwner !== workerIdentifier) return',
      },
      {
        file: 'lib/lease/lease-write.ts',
        find: 'condition: { leaseCounter: lease.leaseCounter, leaseOwner: workerIdentifier, checkpointOwner: null },',
        replace: 'condition: { leaseCounter: lease.leaseCounter, leaseOwner: workerIdentifier },',
      },
    ],
  },
  {
    name: 'handoff-never-completed',
    edits: [
      {
        file: 'lib/receiver/shard-set.ts',
        find: 'const moved = this.#moveAway(begun, keeper).finally(',
        replace: 'const moved = Promise.resolve(void keeper).finally(',
      },
    ],
  },
  {
    name: 'checkpoint-hides-the-handoff',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: '        this.#noticeOwners(holding, written.lease);\n',
        replace: '',
      },
    ],
  },
  {
    name: 'handoff-taken-for-a-loss',
    edits: [
      {
        file: 'lib/lease/lease-keeper.ts',
        find: 'row.leaseCounter !== fence.leaseCounter) return false;',
        replace: 'row.leaseCounter >= 0) return false;',
      },
    ],
  },
  {
    name: 'handoff-left-to-one-that-stops',
    edits: [
      {
        file: 'lib/lease/lease-releaser.ts',
        find: '    if (keeper.hasTwin) return [];',
        replace: '    if (keeper !== undefined) return [];',
      },
    ],
  },
  {
    name: 'handoff-without-drain',
    edits: [
      {
        file: 'lib/receiver/shard-set.ts',
        find: 'await drainOrFail(consumer, deadline.signal);',
        replace: 'true;',
      },
    ],
  },
  {
    name: 'drain-without-last-checkpoint',
    edits: [
      {
        file: 'lib/receiver/shard-consumer.ts',
        find: '      const outcome = await this.checkpoint();\n',
        replace: "      const outcome: CommitOutcome = 'committed';\n",
      },
    ],
  },
  {
    name: 'balance-by-plain-assign',
    edits: [
      {
        file: 'lib/lease/assigner.ts',
        find: "const isHandoff = move.reason === 'balance' && writeOf(",
        replace: "const isHandoff = move.reason === 'unowned' && writeOf(",
      },
    ],
  },
  {
    name: 'expiry-by-wall-clock',
    edits: [
      {
        file: 'lib/lease/leadership-loop.ts',
        find: '    const askedAtMillis = clock.monotonicMillis();\n    const scanned',
        replace: '    const askedAtMillis = clock.wallMillis();\n    const scanned',
      },
      {
        file: 'lib/lease/leadership-loop.ts',
        find: 'snapshot.workers, clock.monotonicMillis());\n    this.#last',
        replace: 'snapshot.workers, clock.wallMillis());\n    this.#last',
      },
    ],
  },
  {
    name: 'lease-seen-for-the-first-time-taken-for-expired',
    edits: [
      {
        file: 'lib/lease/counter-ages.ts',
        find: '  return { ...held, ...move, sinceMillis: nowMillis, gift: undefined, silentGifts: 0 };',
        replace:
          '  const sinceMillis = before === undefined ? -Infinity : nowMillis;\n  return { ...held, ...move, sinceMillis, gift: undefined, silentGifts: 0 };',
      },
    ],
  },
  {
    name: 'leases-of-the-dead-stay-with-them',
    edits: [
      {
        file: 'lib/lease/plan/free-lease.ts',
        find: '  if (leaseOwner === undefined || isExpired(observed, options, nowMillis)) return true;',
        replace: '  if (leaseOwner === undefined) return true;',
      },
    ],
  },
  {
    name: 'silent-worker-given-leases',
    edits: [
      {
        file: 'lib/lease/ages.ts',
        find: '(row) => this.#silentMillis(row, nowMillis) <= this.#reportWindowMillis(row) && this.#isTrusted(row)',
        replace: "(row) => row.workerIdentifier !== ''",
      },
    ],
  },
  {
    name: 'leader-never-balances',
    edits: [
      {
        file: 'lib/lease/assigner.ts',
        find: '    const balance = isBalanceRun(this.#runs, options.varianceBalancingFrequency);',
        replace: '    const balance = this.#runs < 0;',
      },
    ],
  },
  {
    name: 'ended-parent-deleted-before-its-children-begin',
    edits: [
      {
        file: 'lib/lease/plan/cleanup-plan.ts',
        find: "      return row !== undefined && (!isUnread(row) || row.checkpoint.kind === 'LATEST');",
        replace: '      return row !== undefined;',
      },
    ],
  },
  {
    name: 'hole-repaired-at-latest',
    edits: [
      {
        file: 'lib/lease/plan/shard-sync-plan.ts',
        find: '  return { create: missing.map((shard) => childLease(shard, input.stream, emptyAt(shard))) };',
        replace:
          "  return { create: missing.map((shard) => ({ ...childLease(shard, input.stream), ...initialParts({ ...input, initialPosition: { type: 'LATEST' } }, input.serviceTimeMillis) })) };",
      },
    ],
  },
  {
    name: 'hole-never-repaired',
    edits: [
      {
        file: 'lib/lease/shard-auditor.ts',
        find: '    if (confirmed) await syncer.sync(signal, isLeader);',
        replace: '    if (!confirmed) await syncer.sync(signal, isLeader);',
      },
    ],
  },
  {
    name: 'first-sync-goes-on-at-its-own-time',
    edits: [
      {
        file: 'lib/lease/plan/shard-sync-plan.ts',
        find: '  const latestMillis = Math.min(input.serviceTimeMillis, ...earlier);',
        replace: '  const latestMillis = earlier.length < 0 ? 0 : input.serviceTimeMillis;',
      },
    ],
  },
  {
    name: 'first-sync-never-over',
    edits: [
      {
        file: 'lib/lease/plan/shard-sync-plan.ts',
        find: 'return leases.some((lease) => lease.firstSyncEnded === true || lease.streamArn === undefined);',
        replace: 'return leases.some((lease) => lease.streamArn === undefined);',
      },
    ],
  },
];
