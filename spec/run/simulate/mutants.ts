import type { Replacement } from './mutant-hook.ts';

/** A bug that is put into the library to prove that the checkers look. */
export interface Mutant extends Replacement {
  /** What is wrong, in words joined by hyphens. */
  readonly name: string;
}

/** Faults of others, of earlier versions, and of every condition that protects a write. */
export const mutants: readonly Mutant[] = [
  {
    name: 'checkpoint-without-counter',
    file: 'lib/lease/lease-write.ts',
    find: 'condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure },',
    replace: 'condition: { tenure: fence.tenure },',
  },
  {
    name: 'checkpoint-without-fence',
    file: 'lib/lease/lease-write.ts',
    find: 'condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure },',
    replace: 'condition: {},',
  },
  {
    name: 'renew-without-fence',
    file: 'lib/lease/lease-write.ts',
    find: 'condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure, checkpointOwner: null },',
    replace: 'condition: { checkpointOwner: null },',
  },
  {
    name: 'release-under-another-tenure',
    file: 'lib/lease/lease-write.ts',
    find: 'const condition = { leaseCounter: fence.leaseCounter, tenure: fence.tenure, checkpointOwner: null };',
    replace: 'const condition = { checkpointOwner: null };',
  },
  {
    name: 'begin-without-counter',
    file: 'lib/lease/lease-write.ts',
    find: 'condition: { leaseCounter: lease.leaseCounter, leaseOwner: workerIdentifier, checkpointOwner: null },',
    replace: 'condition: { leaseOwner: workerIdentifier, checkpointOwner: null },',
  },
  {
    name: 'tenure-not-written',
    file: 'lib/lease/lease-write.ts',
    find: '      tenure: leaseCounter,\n',
    replace: '      tenure: lease.tenure ?? leaseCounter,\n',
  },
  {
    name: 'unknown-outcome-taken-as-refused',
    file: 'lib/lease/lease-write.ts',
    find: 'if (leaseCounter === undefined || row.leaseCounter !== leaseCounter + 1) return false;',
    replace: 'if (row.leaseKey !== "") return false;',
  },
  {
    name: 'unknown-outcome-taken-as-applied',
    file: 'lib/lease/lease-keeper.ts',
    find: '      await pause(clock, backoffMillis(retryBackoff, attempt, random), holding.over.signal);',
    replace: "      return { outcome: 'applied', lease: { ...holding.lease, ...write.set } };",
  },
  {
    name: 'refusal-taken-as-applied',
    file: 'lib/lease/lease-keeper.ts',
    find: "      if (written.outcome === 'refused') {",
    replace: "      if (written.outcome === 'refused' && written.lease === undefined) {",
  },
  {
    name: 'expired-lease-not-lost',
    file: 'lib/lease/lease-keeper.ts',
    find: 'return clock.monotonicMillis() - holding.confirmedAtMillis > failoverTimeMillis;',
    replace: 'return clock.monotonicMillis() - holding.confirmedAtMillis > 1e12 * failoverTimeMillis;',
  },
  {
    name: 'expiry-counted-from-the-answer',
    file: 'lib/lease/lease-keeper.ts',
    find: '        holding.confirmedAtMillis = startedAtMillis;',
    replace: '        holding.confirmedAtMillis = this.#options.clock.monotonicMillis();',
  },
  {
    name: 'checkpoint-past-unfinished-blocks',
    file: 'lib/receiver/shard-consumer.ts',
    find: '    const { finished } = this.#positions;\n    if (comparePositions(finished',
    replace: '    const { through: finished } = this.#positions;\n    if (comparePositions(finished',
  },
  {
    name: 'acks-out-of-order-taken-as-all',
    file: 'lib/receiver/finished-positions.ts',
    find: 'for (let first = this.#delivered[0]; first?.acked === true; first = this.#delivered[0]) {',
    replace: 'for (let first = this.#delivered[0]; first !== undefined; first = this.#delivered[0]) {',
  },
  {
    name: 'shard-end-before-the-last-ack',
    file: 'lib/receiver/shard-consumer.ts',
    find: '    await this.settled(this.#over.signal);\n',
    replace: '',
  },
  {
    name: 'children-not-leased',
    file: 'lib/receiver/shard-end.ts',
    find: '  if (children.length === 0) return;',
    replace: '  if (children.length >= 0) return;',
  },
  {
    name: 'children-at-latest',
    file: 'lib/lease/plan/shard-sync-plan.ts',
    find: '  return { ...newLease(shard, stream), checkpoint: TRIM_HORIZON, firstSyncEnded: true };',
    replace: '  return { ...newLease(shard, stream), checkpoint: LATEST, firstSyncEnded: true };',
  },
  {
    name: 'other-parent-of-a-merge-forgotten',
    file: 'lib/receiver/parent-gate.ts',
    find: '  const waiting = new Set(lease.parentShardIds);',
    replace: '  const waiting = new Set(lease.parentShardIds.slice(0, 1));',
  },
  {
    name: 'parents-not-waited-for',
    file: 'lib/receiver/parent-gate.ts',
    find: '  const waiting = new Set(lease.parentShardIds);',
    replace: '  const waiting = new Set(lease.parentShardIds.slice(0, 0));',
  },
  {
    name: 'latest-resolved-at-each-start',
    file: 'lib/receiver/start-position.ts',
    find: "        return { type: 'AT_TIMESTAMP', timestampMillis: lease.initialTimestampMillis };",
    replace: "        return { type: 'LATEST' };",
  },
  {
    name: 'latest-resolved-after-the-scan',
    file: 'lib/lease/shard-syncer.ts',
    find: 'serviceTimeMillis: startedAtMillis });',
    replace: 'serviceTimeMillis: serviceTimeMillis() });',
  },
  {
    name: 'first-sync-never-over',
    file: 'lib/lease/plan/shard-sync-plan.ts',
    find: 'return leases.some((lease) => lease.firstSyncEnded === true || lease.streamArn === undefined);',
    replace: 'return leases.some((lease) => lease.streamArn === undefined);',
  },
  {
    name: 'skip-through-dropped',
    file: 'lib/receiver/start-position.ts',
    find: '    if (position === undefined || records.length === 0) return records;',
    replace: '    if (position !== null) return records;',
  },
  {
    name: 'resumed-where-the-tenure-began',
    file: 'lib/receiver/shard-consumer.ts',
    find: "    if (isFresh || through.kind !== 'SEQUENCE') return start;",
    replace: '    if (isFresh || through !== null) return start;',
  },
  {
    name: 'expired-iterator-reopened-at-latest',
    file: 'lib/kinesis/shard-poller.ts',
    find: "      this.#resume = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: last.sequenceNumber };",
    replace: "      this.#resume = { type: 'LATEST' };",
  },
  {
    name: 'listing-of-one-page',
    file: 'lib/kinesis/shard-lister.ts',
    find: '    if (page.nextToken === undefined) return [...shards.values()];',
    replace: '    if (page.shards.length > 0) return [...shards.values()];',
  },
  {
    name: 'unacked-blocks-without-limit',
    file: 'lib/receiver/shard-consumer.ts',
    find: 'this.#positions.outstanding >= maxUnackedBlocks ||',
    replace: '',
  },
  {
    name: 'bytes-never-given-back',
    file: 'lib/receiver/byte-budget.ts',
    find: '      release: () => change(0),',
    replace: '      release: () => {},',
  },
];
