/**
 * Inputs and expected outputs of Spark's BasicOperationsSuite: figures only. `id` is the row of our study of it. A
 * `null` batch means that the stream gives none; batches are compared in order, or as sets where the suite does so.
 */
export interface SparkCase<T> {
  readonly id: string;
  readonly input: readonly (readonly T[] | null)[];
  readonly expected: readonly (readonly unknown[])[];
  readonly order: 'exact' | 'set';
}

const oneToTwelve = [
  [1, 2, 3, 4],
  [5, 6, 7, 8],
  [9, 10, 11, 12],
];

const hundreds = [
  [1, 2, 3, 4],
  [101, 102, 103, 104],
  [201, 202, 203, 204],
];

const letters = [['a', 'a', 'b'], ['', ''], []];

/** Cases over numbers, by the operation they are about. */
export const numberCases = {
  map: {
    id: 'S001',
    input: oneToTwelve,
    expected: [
      ['1', '2', '3', '4'],
      ['5', '6', '7', '8'],
      ['9', '10', '11', '12'],
    ],
    order: 'exact',
  },
  flatMap: {
    id: 'S002',
    input: oneToTwelve,
    expected: [
      [1, 2, 2, 4, 3, 6, 4, 8],
      [5, 10, 6, 12, 7, 14, 8, 16],
      [9, 18, 10, 20, 11, 22, 12, 24],
    ],
    order: 'exact',
  },
  filter: {
    id: 'S003',
    input: oneToTwelve,
    expected: [
      [2, 4],
      [6, 8],
      [10, 12],
    ],
    order: 'exact',
  },
  count: {
    id: 'S011',
    input: [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]],
    expected: [[0], [1], [2], [3], [4]],
    order: 'exact',
  },
  union: {
    id: 'S015',
    input: hundreds,
    expected: [
      [1, 2, 3, 4, 5, 6, 7, 8],
      [101, 102, 103, 104, 105, 106, 107, 108],
      [201, 202, 203, 204, 205, 206, 207, 208],
    ],
    order: 'exact',
  },
  contextUnion: {
    id: 'S017',
    input: hundreds,
    expected: [
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
      [101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112],
      [201, 202, 203, 204, 205, 206, 207, 208, 209, 210, 211, 212],
    ],
    order: 'exact',
  },
} as const satisfies Record<string, SparkCase<number>>;

/** Cases over texts, made pairs [text, 1] first. */
export const pairCases = {
  reduceByKey: {
    id: 'S009',
    input: letters,
    expected: [
      [
        ['a', 2],
        ['b', 1],
      ],
      [['', 2]],
      [],
    ],
    order: 'set',
  },
  mapValues: {
    id: 'S013',
    input: letters,
    expected: [
      [
        ['a', 12],
        ['b', 11],
      ],
      [['', 12]],
      [],
    ],
    order: 'set',
  },
} as const satisfies Record<string, SparkCase<string>>;

/** S016: a union one of whose streams gives no batch at the fourth time is an error. */
export const unionWithNothing: readonly (readonly number[] | null)[] = [...hundreds, null];

/** S333: the first batch time after a start at `nowMillis`. */
export const startTimes = [
  { nowMillis: 0, periodMillis: 1_000, firstMillis: 1_000 },
  { nowMillis: 999, periodMillis: 1_000, firstMillis: 1_000 },
  { nowMillis: 1_000, periodMillis: 1_000, firstMillis: 2_000 },
  { nowMillis: 1_431_637_480_452, periodMillis: 2_000, firstMillis: 1_431_637_482_000 },
] as const;
