import { MillraceError } from '../../base/error.ts';
import type { OutputPromise } from '../../event/event.ts';
import type { InputNode, OutputNode } from '../node.ts';
import { nameOf } from '../node-head.ts';
import type { SinkGuarantee } from './sink.ts';

/** What of a plan says what its outputs can guarantee. */
export interface PuttingOut {
  readonly inputs: readonly InputNode[];
  readonly outputs: readonly OutputNode[];
}

/** What an output says of itself. */
interface Declared {
  readonly guarantee: SinkGuarantee | undefined;
  readonly repeatable: boolean;
}

/** Whether an output needs a repeated batch to hold the same items. */
export function needsRepeatableBatches(node: OutputNode): boolean {
  return declaredOf(node).repeatable;
}

/** The name of an output in messages, with its target where it has one. */
export function outputName(node: OutputNode): string {
  return node.tag === 'sink' ? `${nameOf(node)} (${node.sink.name})` : nameOf(node);
}

/** What each output of a plan guarantees; `isCommitted`: whether its batches are committed. */
export function guaranteesOf(plan: PuttingOut, isCommitted: boolean): readonly OutputPromise[] {
  const local = plan.inputs.find(({ from }) => from === 'local');
  return plan.outputs.map((node) => {
    const output = outputName(node);
    if (local !== undefined) {
      const reason = `what ${nameOf(local)} gave is gone with the process, and no batch repeats it`;
      return { output, guarantee: 'none', reason };
    }
    return { output, ...guaranteeOf(node, isCommitted) };
  });
}

function guaranteeOf(node: OutputNode, isCommitted: boolean): Omit<OutputPromise, 'output'> {
  if (!isCommitted) {
    const reason = 'batches are not committed, so that one is shown again whose acknowledgement was not written';
    return { guarantee: 'atLeastOnce', reason };
  }
  const { guarantee, repeatable } = declaredOf(node);
  if (guarantee === undefined) {
    const reason = `${node.operator} does not say that it shows once what it is given twice`;
    return { guarantee: 'atLeastOnce', reason };
  }
  if (guarantee === 'atLeastOnce') {
    return { guarantee, reason: 'its target cannot take back a batch whose commit did not happen' };
  }
  return {
    guarantee: 'exactlyOnce',
    reason: repeatable
      ? 'a repeated batch holds the same items, and the sink shows them once'
      : 'the sink puts what a repeated batch holds in the place of what it had, and refuses what is older',
  };
}

function declaredOf(node: OutputNode): Declared {
  switch (node.tag) {
    case 'sink':
      return node.sink;
    case 'foreachBatch':
      return node;
    default:
      return { guarantee: undefined, repeatable: false };
  }
}

/** One line for each output, for the plan as text. */
export function describeGuarantee({ guarantee, reason }: OutputPromise): string {
  const words = { exactlyOnce: 'every record once', atLeastOnce: 'every record at least once', none: 'no guarantee' };
  return `${words[guarantee]}: ${reason}`;
}

/**
 * Refuses outputs whose declared guarantee the run cannot keep.
 * @throws MillraceError `MR_CONFIG_INVALID` naming the output
 */
export function checkOutputs(plan: PuttingOut, isCommitted: boolean): void {
  const names = new Map<string, OutputNode>();
  for (const node of plan.outputs) {
    const { guarantee, repeatable } = declaredOf(node);
    if (guarantee !== 'idempotent' && !repeatable) continue;
    if (!isCommitted) {
      throw invalid(
        `${outputName(node)} rests on committed batches, whose ids go on after a restart: give the context an applicationName, a Kinesis stream and a state that outlives the process, such as fileState(...) or s3State(...)`,
      );
    }
    const local = plan.inputs.find(({ from }) => from === 'local');
    if (local !== undefined) {
      throw invalid(
        `${outputName(node)} rests on batches that can be repeated, and what ${nameOf(local)} gave is gone with the process: read from a Kinesis stream`,
      );
    }
    if (node.tag !== 'sink') continue;
    const other = names.get(node.sink.name);
    if (other !== undefined) {
      throw invalid(
        `${nameOf(node)} and ${nameOf(other)} write to one sink, ${node.sink.name}, and would take each other's batches for their own: give each a target of its own`,
      );
    }
    names.set(node.sink.name, node);
  }
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', message);
}
