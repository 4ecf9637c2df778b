import { type Random, randomInteger, seededRandom } from '../../../lib/base/random.ts';

/** A line of words for the stream. */
export interface WordLine {
  readonly words: readonly string[];
  readonly partitionKey: string;
}

/** The most frequent word first. */
const vocabulary = (
  'the water of mill wheel and a to race turns stone river in grain flour over sluice gate flows weir ' +
  'pond miller stream shaft gear paddle sack bread rain spring bridge bank willow otter trout heron ' +
  'reed moss mist frost thaw flood drought harvest barley rye wheat oats bran sieve hopper axle cog tooth ' +
  'bearing tallow lantern ledger count batch record shard lease block tide écluse größe мельница'
).split(' ');

const fewestWords = 3;
const mostWords = 12;

/** What words of a line are separated by, for those who write lines and those who count words. */
export const wordSeparator = ' ';

/**
 * Lines of words without end, repeatable by their seed. As in any text the word of rank n comes about 1/n as often as
 * the first. Partition keys are random, so that all shards get their part.
 */
export class WordLines {
  readonly #random: Random;
  /** Sums of the weights up to each word, so that one random number finds a word. */
  readonly #upTo: readonly number[];

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    let sum = 0;
    this.#upTo = vocabulary.map((_, index) => (sum += 1 / (index + 1)));
  }

  /** The next `count` lines. */
  take(count: number): WordLine[] {
    return Array.from({ length: count }, () => this.#line());
  }

  #line(): WordLine {
    const length = fewestWords + randomInteger(this.#random, mostWords - fewestWords + 1);
    const words = Array.from({ length }, () => this.#word());
    return { words, partitionKey: this.#random.hex(8) };
  }

  #word(): string {
    const place = this.#random.next() * (this.#upTo.at(-1) ?? 0);
    const index = this.#upTo.findIndex((sum) => place < sum);
    return vocabulary[index] ?? '';
  }
}
