import type { Mutant } from './mutants.ts';

const [batchRun, engine, line] = ['lib/engine/batch-run.ts', 'lib/engine/engine.ts', 'lib/engine/line.ts'];
const commit = (file: string) => `lib/engine/commit/${file}.ts`;

/** Faults of the engine's commits: each order, condition and name of design section 8, taken away. */
const faults: readonly Omit<Mutant, 'engine'>[] = [
  {
    name: 'rewind-leaves-the-state-where-it-is',
    edits: [
      {
        file: 'lib/app/state/state-admin.ts',
        find: 'return { shards, state: version };',
        replace: 'return { shards, state: lastOf(now) };',
      },
    ],
  },
  {
    name: 'rewind-to-what-was-removed-meanwhile',
    edits: [
      {
        file: 'lib/app/state/state-admin.ts',
        find: 'if (!now.versions.some(({ name }) => name === step.version.name)) throw notKept(step.version, now);',
        replace: '',
      },
    ],
  },
  {
    name: 'batches-that-were-taken-back-still-count',
    edits: [
      {
        file: commit('relocate'),
        find: 'voided: voidedBy(relocation, batchId),',
        replace: 'voided: before.voided ?? [],',
      },
    ],
  },
  {
    name: 'rewind-in-the-same-lineage',
    edits: [{ file: commit('relocate'), find: 'lineage: before.lineage + 1,', replace: 'lineage: before.lineage,' }],
  },
  {
    name: 'rewind-leaves-the-shard-to-its-owner',
    edits: [
      {
        file: 'lib/app/state/move-group.ts',
        find: 'return writeShard(work, row, write, signal);',
        replace:
          "return writeShard(work, row, { ...write, clear: write.clear.filter((one) => one !== 'leaseOwner') }, signal);",
      },
    ],
  },
  {
    name: 'state-object-overwritten',
    edits: [
      {
        file: commit('object-names'),
        find: 'digits(batchId)}-${formatFence(fence)}-${random.hex(16)}.json`',
        replace: 'digits(batchId)}-${formatFence({ ...fence, number: 1 })}${random.hex(0)}.json`',
      },
      {
        file: commit('group-log'),
        find: "if ((await store.create(name, bytes, signal)) === 'created') return;",
        replace: 'if ((await store.create(name, bytes, signal)) !== undefined) return;',
      },
    ],
  },
  {
    name: 'torn-write-taken-for-written',
    edits: [
      {
        file: commit('group-log'),
        find: "if ((await store.create(name, bytes, signal)) === 'created') return;",
        replace: "if ((await store.create(name, bytes, signal).catch(() => 'created')) === 'created') return;",
      },
    ],
  },
  {
    name: 'clock-as-batch-id',
    edits: [
      {
        file: line,
        find: 'const batchId = this.#lastBatchId + 1;',
        replace: 'const batchId = Math.max(this.#lastBatchId + 1, Math.floor(slice.batchTimeMillis / 1_000));',
      },
    ],
  },
  {
    name: 'batch-id-begins-anew-with-a-holder',
    edits: [{ file: line, find: 'this.#lastBatchId = commits.batchId;', replace: 'this.#lastBatchId = 0;' }],
  },
  {
    name: 'batch-time-goes-back-with-the-clock',
    edits: [
      {
        file: line,
        find: 'this.#lastBatchMillis = Math.max(this.#lastBatchMillis, commits.batchTimeMillis);',
        replace: '',
      },
    ],
  },
  {
    name: 'garbage-removed-by-a-zombie',
    edits: [
      {
        // Also one whose commit has no outcome: its lease or epoch went while it waited for the table.
        file: commit('commit-line'),
        find: "await write({ kind: 'commit', batchId, pointer: prepared.pointer, ranges }, signal);",
        replace:
          "await write({ kind: 'commit', batchId, pointer: prepared.pointer, ranges }, signal).catch(() => 'lost' as const);",
      },
      {
        file: commit('commit-line'),
        find: "    if (outcome === 'lost') return outcome;\n    for (const block of blocks) {\n",
        replace:
          "    if (outcome === 'lost') {\n      const any = new AbortController().signal;\n      const gone = log.noteCommitted(prepared);\n" +
          '      this.#tidy([...gone, ...(await log.findOrphans(any))], any);\n      return outcome;\n    }\n' +
          '    for (const block of blocks) {\n',
      },
    ],
  },
  {
    name: 'changes-taken-for-nothing',
    edits: [
      {
        file: commit('group-log'),
        find: '    if (!isSameProgress(last.shards, shards)) return false;\n',
        replace: '',
      },
      {
        file: commit('group-log'),
        find: 'return changedPieces(this.#memory, memory, codecs).next().done === true;',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'id-of-a-batch-that-changed-nothing-forgotten',
    edits: [
      {
        file: commit('group-log'),
        find: 'this.#idle = batchTimeMillis === undefined ? undefined : { batchId, batchTimeMillis };',
        replace: 'this.#idle = batchTimeMillis === batchId ? { batchId, batchTimeMillis } : undefined;',
      },
    ],
  },
  {
    name: 'garbage-removed-before-the-commit',
    edits: [
      {
        file: commit('group-log'),
        find: '    return { named: { name, manifest }, checksum, memory, pointer, batch };',
        replace:
          '    const dropped = [...this.#kept, { name, manifest, checksum }].slice(0, -this.#options.retainedVersions);\n' +
          '    const kept = [...this.#kept, { name, manifest, checksum }].slice(-this.#options.retainedVersions);\n' +
          '    await this.remove(garbageOfCommit(dropped, kept), signal);\n' +
          '    return { named: { name, manifest }, checksum, memory, pointer, batch };',
      },
    ],
  },
  {
    name: 'what-a-later-version-needs-is-garbage',
    edits: [
      {
        file: commit('garbage'),
        find: 'return [name, ...(manifest.state?.chain ?? []).map((object) => object.name)];',
        replace: 'return [name, ...(manifest.state?.chain ?? []).slice(1).map((object) => object.name)];',
      },
    ],
  },
  {
    name: 'objects-of-a-later-batch-are-orphans',
    edits: [
      {
        file: commit('garbage'),
        find: 'return read.batchId <= committed.manifest.batchId;',
        replace: 'return read.batchId <= committed.manifest.batchId + 1;',
      },
    ],
  },
  {
    name: 'ended-shard-pruned',
    edits: [
      {
        file: commit('commit-line'),
        find: '    return [...after.values()];\n',
        replace: "    return [...after.values()].filter(({ position }) => position.kind !== 'SHARD_END');\n",
      },
    ],
  },
  {
    name: 'shards-without-records-left-out',
    edits: [
      {
        file: commit('commit-line'),
        find: 'for (const shard of log.last?.shards ?? leased) after.set(keyOf(shard), shard);',
        replace: 'for (const shard of log.last?.shards.slice(1) ?? leased) after.set(keyOf(shard), shard);',
      },
      {
        file: commit('commit-line'),
        find: '      if (isNew) after.set(keyOf({ shardId, streamName }), { shardId, streamName, position: committed });\n',
        replace: '',
      },
    ],
  },
  {
    name: 'hole-accepted',
    edits: [
      {
        file: commit('intake'),
        find: "if (order > 0) return { tag: 'hole', mark: mark.position, after: range.after };",
        replace: "if (order > 0) return { tag: 'accept' };",
      },
    ],
  },
  {
    name: 'straddling-range-not-trimmed',
    edits: [
      {
        file: commit('intake'),
        find: "return order === 0 ? { tag: 'accept' } : { tag: 'cut', after: mark.position };",
        replace: "return { tag: 'accept' };",
      },
    ],
  },
  {
    name: 'range-accepted-twice',
    edits: [
      {
        file: commit('intake'),
        find: "if (comparePositions(range.through, mark.position) <= 0) return { tag: 'drop' };",
        replace: "if (comparePositions(range.through, mark.position) <= 0) return { tag: 'accept' };",
      },
    ],
  },
  {
    name: 'other-tenure-accepted',
    edits: [
      {
        file: commit('intake'),
        find: "if (range.tenure !== mark.tenure) return { tag: 'stale' };",
        replace: '',
      },
    ],
  },
  {
    name: 'read-on-from-the-lease-row',
    edits: [
      {
        file: commit('commit-line'),
        find: 'const committed = before?.committed ?? known?.position ?? shard.fallback;',
        replace: 'const committed = before?.committed ?? (known === undefined ? shard : shard).fallback;',
      },
    ],
  },
  {
    name: 'commit-without-epoch-condition',
    edits: [
      {
        file: commit('epoch-keeper'),
        find: '  return await table.write(next, seen, deadline.signal);',
        replace: '  return await table.write(next, seen && (await table.read(deadline.signal)), deadline.signal);',
      },
    ],
  },
  {
    name: 'lost-epoch-taken-as-committed',
    edits: [
      {
        file: commit('epoch-keeper'),
        find: "      return (await this.#write({ batchId, pointer }, signal)) ? 'committed' : 'lost';",
        replace: "      await this.#write({ batchId, pointer }, signal);\n      return 'committed';",
      },
    ],
  },
  {
    name: 'unsettled-commit-forgotten',
    edits: [
      {
        file: commit('epoch-keeper'),
        find: "return outcome.tag === 'applied' || sameEpochRow(next, outcome.row);",
        replace: "return outcome.tag === 'applied' || outcome.row?.epoch === next.epoch;",
      },
    ],
  },
  {
    name: 'shard-commit-without-fence',
    edits: [
      {
        file: 'lib/lease/lease-write.ts',
        find: 'condition: { leaseCounter: fence.leaseCounter, tenure: fence.tenure },',
        replace: 'condition: {},',
      },
    ],
  },
  {
    name: 'position-without-pointer',
    edits: [
      {
        file: commit('commit-groups'),
        find: 'return source.commit(range, { state: pointer });',
        replace: 'return source.commit(range, pointer.length % 5 === 0 ? {} : { state: pointer });',
      },
    ],
  },
  {
    name: 'commit-before-the-state-is-written',
    edits: [
      {
        file: commit('group-log'),
        find: "if ((await store.create(name, bytes, signal)) === 'created') return;",
        replace: 'if (store.create(name, bytes, signal).catch(() => {}) !== undefined) return;',
      },
    ],
  },
  {
    name: 'commit-before-the-outputs',
    edits: [
      {
        file: batchRun,
        find: "  return { tag: 'done', prepared: await commits.prepare({ batchId, batchTimeMillis, blocks, memory }, lease) };\n",
        replace:
          '  const prepared = await commits.prepare({ batchId, batchTimeMillis, blocks, memory }, lease);\n' +
          '  await commits.commit(prepared, blocks, lease);\n' +
          "  return { tag: 'done', prepared: undefined };\n",
      },
    ],
  },
  {
    name: 'ack-before-the-commit',
    edits: [
      {
        file: batchRun,
        find: "    if (!(await commitBatch(order, done, signal))) return { tag: 'dropped' };\n",
        replace:
          '    for (const block of blocks) source.ack(block.range);\n' +
          "    if (!(await commitBatch(order, done, signal))) return { tag: 'dropped' };\n",
      },
    ],
  },
  {
    name: 'state-of-the-batch-before',
    edits: [
      {
        file: batchRun,
        find: '  const memory = work.evaluation.nextMemory;\n  return {',
        replace: '  const memory = blocks.length > 1 ? order.memory : work.evaluation.nextMemory;\n  return {',
      },
    ],
  },
  {
    name: 'memory-kept-from-an-earlier-tenure',
    edits: [
      {
        file: engine,
        find: '    this.#lines.get(group)?.abandon();\n    const commits = await this.#groups.ofShard(group, shard, source, signal);\n',
        replace:
          '    this.#lines.get(group)?.abandon();\n    const before = this.#kept.get(group);\n' +
          '    const commits = await this.#groups.ofShard(group, shard, source, signal);\n' +
          '    if (before !== undefined) Object.defineProperty(commits, "memory", { value: before.memory });\n' +
          '    this.#kept.set(group, commits);\n',
      },
      {
        file: engine,
        find: '  readonly #lines = new Map<string, Line>();\n',
        replace: '  readonly #lines = new Map<string, Line>();\n  readonly #kept = new Map<string, CommitLine>();\n',
      },
    ],
  },
  {
    name: 'child-starts-empty',
    edits: [
      {
        file: commit('commit-place'),
        find: '    const memory = inheritMemory(shard, parents, this.#options.codecs);\n',
        replace: '    const memory = new Map();\n',
      },
    ],
  },
  {
    name: 'merge-takes-one-parent',
    edits: [
      {
        file: commit('commit-place'),
        find: 'inheritMemory(shard, parents, this.#options.codecs)',
        replace: 'inheritMemory(shard, parents.slice(0, 1), this.#options.codecs)',
      },
    ],
  },
  {
    name: 'split-gives-all-to-both',
    edits: [
      {
        file: commit('inherit'),
        find: 'if (parent.start >= own.start && parent.end <= own.end) return memory;',
        replace: 'if (parent.start <= own.end) return memory;',
      },
    ],
  },
  {
    name: 'accepted-taken-for-committed',
    edits: [
      {
        file: commit('commit-line'),
        find: 'return { position: committed,',
        replace: 'return { position: before?.accepted ?? committed,',
      },
    ],
  },
  {
    name: 'found-plan-not-run',
    edits: [{ file: line, find: 'this.#gather = commits.foundPlan();', replace: '' }],
  },
  {
    name: 'plan-not-written',
    edits: [
      {
        file: batchRun,
        find: '  if (commits !== undefined && plan.isPlanned) {\n',
        replace: '  if (commits !== undefined && plan.isPlanned && blocks.length === 0) {\n',
      },
    ],
  },
  {
    name: 'plan-not-fenced',
    edits: [
      {
        file: commit('commit-line'),
        find: "    if (outcome === 'lost') return outcome;\n    log.notePlanned(written);\n",
        replace: '    log.notePlanned(written);\n',
      },
      {
        file: commit('commit-line'),
        find: "    this.tell(batchId, 'planned');\n    return outcome;\n",
        replace: "    this.tell(batchId, 'planned');\n    return 'committed';\n",
      },
    ],
  },
  {
    name: 'plan-run-in-other-order-of-ranges',
    edits: [
      {
        file: commit('plan-gather'),
        find: 'this.#blocks[index] = this.#sources.note(made,',
        replace: 'this.#blocks[this.plan.ranges.length - 1 - index] = this.#sources.note(made,',
      },
    ],
  },
  {
    name: 'changes-without-the-first-of-their-chain',
    edits: [
      {
        file: commit('manifest'),
        find: '  return [...(before.manifest.state?.chain ?? []), {',
        replace: '  return [...(before.manifest.state?.chain ?? []).slice(1), {',
      },
    ],
  },
  {
    name: 'one-child-with-a-pointer-is-enough',
    edits: [
      {
        file: commit('ended-plan'),
        find: 'return children.every(isPast) && isCovered(hashKeyRange, heirs);',
        replace: 'return (children.length === 0 || children.some(isPast)) && isCovered(hashKeyRange, heirs);',
      },
    ],
  },
  {
    name: 'what-a-rewind-may-name-is-garbage',
    edits: [
      {
        file: commit('ended-plan'),
        find: 'if (present.has(shardId)) return false;',
        replace: 'present.delete(shardId);',
      },
    ],
  },
  {
    name: 'child-that-may-begin-anew-needs-no-parent',
    edits: [
      {
        file: commit('stands-alone'),
        find: 'return reached[0]?.follows !== undefined && reached.every(({ beginsAnew }) => beginsAnew !== true);',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'nobody-removes-what-ended-shards-left',
    edits: [
      {
        file: commit('ended-plan'),
        find: 'const present = new Set(rows.map((row) => row.shardId));',
        replace: 'const present = new Set([...rows.map((row) => row.shardId), shardId]);',
      },
    ],
  },
  {
    name: 'what-was-left-before-a-parent-is-forgotten',
    edits: [
      {
        file: commit('commit-groups'),
        find: 'const ended = uniteEnded(named, log.origin?.ended ?? []);',
        replace: 'const ended = uniteEnded(named);',
      },
    ],
  },
];

/** Mutants that an application with an engine must show. */
export const engineMutants: readonly Mutant[] = faults.map((fault) => ({ ...fault, engine: true }));
