import type { NarrowNode, StreamNode } from './node.ts';
import { parentsOf } from './node.ts';
import { nameOf } from './node-head.ts';
import type { Plan } from './plan.ts';
import { describeScope } from './scope.ts';
import { describeGuarantee, guaranteesOf, outputName } from './sink/guarantee.ts';

/** One computation of a plan whose result is kept: what it reads, the operators that run in one pass, and what it makes of them. */
export interface Stage {
  /** The number of its node, by which other stages name it. */
  readonly id: number;
  /** The stages that it reads, by number. */
  readonly reads: readonly number[];
  /** The narrow operators that run together, item by item, in one pass over each partition. */
  readonly pass: readonly string[];
  /** What is made of what passed; absent where the pass is all. */
  readonly makes?: string;
  /** How often it gives a batch, milliseconds. */
  readonly everyMillis: number;
  /** How many stages and outputs read its result. */
  readonly readers: number;
}

/** The stages of a plan, those that are read before those that read them; pure. */
export function stagesOf(plan: Plan): readonly Stage[] {
  const stages = new Map<number, Stage>();
  const left: StreamNode[] = [...plan.outputs.map((output) => output.parent), ...plan.keepers];
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    if (stages.has(node.id)) continue;
    const { pass, bases } = fused(plan, node);
    const stage = { reads: bases.map((base) => base.id), pass: pass.map(nameOf) };
    stages.set(node.id, {
      id: node.id,
      ...stage,
      ...(node.tag === 'narrow' ? {} : { makes: `${work[node.tag]}: ${nameOf(node)}` }),
      everyMillis: plan.slides.get(node.id) ?? plan.batchIntervalMillis,
      readers: plan.consumers.get(node.id) ?? 0,
    });
    left.push(...bases);
  }
  return [...stages.values()].sort((a, b) => a.id - b.id);
}

/** The plan as text: its scope with the reason, its stages, its outputs. */
export function explainPlan(plan: Plan): string {
  const lines = [describeScope(plan), `a batch every ${plan.batchIntervalMillis} ms`];
  for (const stage of stagesOf(plan)) {
    const from = stage.reads.length === 0 ? '' : ` reads ${stage.reads.map((id) => `#${id}`).join(', ')};`;
    const pass = stage.pass.length === 0 ? '' : ` one pass: ${stage.pass.join(' > ')};`;
    const makes = stage.makes === undefined ? '' : ` ${stage.makes};`;
    const every = stage.everyMillis === plan.batchIntervalMillis ? '' : ` every ${stage.everyMillis} ms;`;
    const kept = stage.readers > 1 ? ` kept for ${stage.readers} readers;` : '';
    lines.push(`#${stage.id}${from}${pass}${makes}${every}${kept}`.replace(/;$/, ''));
  }
  const guarantees = guaranteesOf(plan, plan.isDurable);
  for (const [index, output] of plan.outputs.entries()) {
    const guarantee = guarantees[index];
    const promise = guarantee === undefined ? '' : `; ${describeGuarantee(guarantee)}`;
    lines.push(`output of #${output.parent.id}: ${outputName(output)}${promise}`);
  }
  if (plan.isPlanned) lines.push('each batch is planned before it is processed: two writes for each commit');
  return `${lines.join('\n')}\n`;
}

/** What kinds of nodes do, in words. */
const work: Record<Exclude<StreamNode['tag'], 'narrow'>, string> = {
  input: 'input',
  partition: 'by partition',
  union: 'union',
  repartition: 'new partitions',
  fold: 'one result',
  combine: 'regroup by key',
  cogroup: 'regroup by key',
  transform: 'whole batches',
  stateful: 'remembers',
};

/** The same rule as the evaluation's: a narrow operator that one alone reads runs in the pass of its reader. */
function fused(plan: Plan, node: StreamNode): { readonly pass: NarrowNode[]; readonly bases: readonly StreamNode[] } {
  const pass: NarrowNode[] = node.tag === 'narrow' ? [node] : [];
  if (node.tag !== 'narrow' && node.tag !== 'fold' && node.tag !== 'combine') return { pass, bases: parentsOf(node) };
  let base = node.parent;
  while (base.tag === 'narrow' && plan.consumers.get(base.id) === 1) {
    pass.unshift(base);
    base = base.parent;
  }
  return { pass, bases: [base] };
}
