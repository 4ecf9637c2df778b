import { describe, expect, it } from 'vitest';
import { checkHandler } from '../../lib/app/finish-blocks.ts';

class Processor {
  processRecords(): void {}
}

describe('what run() is given', () => {
  it.each([
    ['a function', () => {}, undefined],
    ['a processor', new Processor(), undefined],
    ['a processor with manual checkpoints', new Processor(), 'manual'],
    ['a factory', { shardRecordProcessor: () => new Processor() }, 'automatic'],
  ])('may be %s', (_, handler, checkpointing) => {
    expect(() => checkHandler(handler, checkpointing)).not.toThrow();
  });

  it.each([
    ['nothing', undefined, undefined, 'it was given undefined'],
    ['an object without methods', {}, undefined, 'an object with processRecords'],
    ['a class', Processor, undefined, 'give a factory, { shardRecordProcessor: () => new Processor() }'],
    ['another mode', new Processor(), 'sometimes', `it was given "sometimes"`],
    ['a function with manual checkpoints', () => {}, 'manual', 'a function has no checkpointer'],
  ])('is refused when it is %s, with the remedy', (_, handler, checkpointing, text) => {
    expect(() => checkHandler(handler, checkpointing)).toThrow('MR_CONFIG_INVALID');
    expect(() => checkHandler(handler, checkpointing)).toThrow(text);
  });
});
