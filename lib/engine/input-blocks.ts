import type { Block } from '../block/block.ts';
import type { Partitions } from './given.ts';
import type { InputNode } from './node.ts';

/**
 * What an input gives for the blocks of a batch: a partition for each block that holds records. A stream from outside
 * always gives a batch, if only an empty one.
 */
export function givenByBlocks(inputs: readonly InputNode[], input: InputNode, blocks: readonly Block[]): Partitions {
  return blocks
    .filter((block) => block.records.length > 0 && inputFor(inputs, block)?.id === input.id)
    .map((block) => block.records);
}

/** The input that takes a block: the only one there is, else the one of the block's stream. */
export function inputFor(inputs: readonly InputNode[], block: Pick<Block, 'streamName'>): InputNode | undefined {
  const fromBlocks = inputs.filter((input) => input.from === 'blocks');
  if (fromBlocks.length === 1) return fromBlocks[0];
  return fromBlocks.find((input) => input.name === block.streamName);
}
