import fc from 'fast-check';

/** What a page says, before it is written in one of the formats. */
export interface PageModel {
  readonly records: readonly RecordModel[];
  readonly nextIterator: string | null | undefined;
  readonly millisBehindLatest: number | null | undefined;
  readonly childShards: readonly ChildModel[] | null | undefined;
}

export interface RecordModel {
  readonly data: Uint8Array;
  readonly partitionKey: string;
  readonly sequenceNumber: string;
  readonly arrivalTimeMillis: number;
  readonly encryptionType: 'NONE' | 'KMS' | null | undefined;
}

export interface ChildModel {
  readonly shardId: string;
  readonly parents: readonly string[];
  readonly start: string;
  readonly end: string;
}

/** How a page is written: what one service does otherwise than another, and what none does but all might. */
export interface Style {
  /** Turns the fields of every object by so many places. */
  readonly rotation: number;
  readonly unknownFields: boolean;
  /** JSON: blanks between all tokens. */
  readonly blanks: string;
  /** JSON: escapes that a parser must undo. */
  readonly escapes: 'none' | 'nonAscii' | 'slashes';
  /** JSON: how a time is written. */
  readonly time: 'plain' | 'exponent' | 'long';
  /** CBOR: lists and maps whose end is a break. */
  readonly untoldLengths: boolean;
  /** CBOR: lengths in more bytes than needed. */
  readonly wide: boolean;
  /** CBOR: tag 1 before times; the bytes of a time. */
  readonly tagged: boolean;
  readonly double: boolean;
  /** CBOR: how data are written. */
  readonly data: 'bytes' | 'base64' | 'parts';
}

/** As Kinesis writes. */
export const usualStyle: Style = {
  rotation: 0,
  unknownFields: false,
  blanks: '',
  escapes: 'none',
  time: 'plain',
  untoldLengths: false,
  wide: false,
  tagged: true,
  double: false,
  data: 'bytes',
};

const digits = fc.bigInt({ min: 0n, max: 2n ** 186n - 1n }).map(String);
const hashKey = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(String);
const id = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 });

const record: fc.Arbitrary<RecordModel> = fc.record({
  data: fc.oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 4_000, max: 9_000 }).map((length) => new Uint8Array(length).fill(length)),
    },
  ),
  partitionKey: fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  ),
  sequenceNumber: digits,
  arrivalTimeMillis: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  encryptionType: fc.constantFrom('NONE', 'KMS', null, undefined),
});

/** Pages that Kinesis might answer with. */
export const pages: fc.Arbitrary<PageModel> = fc.record({
  records: fc.array(record, { maxLength: 12 }),
  nextIterator: fc.option(fc.option(fc.base64String({ minLength: 4, maxLength: 200 })), { nil: undefined }),
  millisBehindLatest: fc.constantFrom(0, 1, 86_399_999, 604_800_000, 496.34277145578795, null, undefined),
  childShards: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(undefined, null, []) },
    {
      weight: 1,
      arbitrary: fc.array(
        fc.record({ shardId: id, parents: fc.array(id, { maxLength: 2 }), start: hashKey, end: hashKey }),
        { minLength: 1, maxLength: 2 },
      ),
    },
  ),
});

/** Ways to write them. Half of them are the usual one. */
export const styles: fc.Arbitrary<Style> = fc.oneof(
  fc.constant(usualStyle),
  fc.record({
    rotation: fc.nat(4),
    unknownFields: fc.boolean(),
    blanks: fc.constantFrom('', '', ' ', '\n  ', '\t\r\n'),
    escapes: fc.constantFrom('none', 'none', 'nonAscii', 'slashes'),
    time: fc.constantFrom('plain', 'plain', 'exponent', 'long'),
    untoldLengths: fc.boolean(),
    wide: fc.boolean(),
    tagged: fc.boolean(),
    double: fc.boolean(),
    data: fc.constantFrom('bytes', 'bytes', 'base64', 'parts'),
  }),
);

/** Where a body is cut into the pieces in which it arrives. */
export const cuts: fc.Arbitrary<readonly number[]> = fc.oneof(
  fc.array(fc.nat(5_000), { maxLength: 8 }),
  fc.constant(Array.from({ length: 400 }, (_, index) => index)),
);

/** A time, written in another way than a number of its format. */
class Time {
  readonly millis: number;
  constructor(millis: number) {
    this.millis = millis;
  }
}

type Fields = readonly (readonly [string, unknown])[];

function fieldsOf(fields: Fields, style: Style): Fields {
  const known = fields.filter(([, value]) => value !== undefined);
  const all: Fields = style.unknownFields
    ? [...known, ['RecordFormat', { Version: 2, Hints: ['a', true, null, -1.5] }], ['Zone', 'x']]
    : known;
  const by = all.length === 0 ? 0 : style.rotation % all.length;
  return [...all.slice(by), ...all.slice(0, by)];
}

function treeOf(page: PageModel): Fields {
  return [
    ['MillisBehindLatest', page.millisBehindLatest],
    ['NextShardIterator', page.nextIterator],
    ['ChildShards', page.childShards?.map(childOf) ?? page.childShards],
    ['Records', page.records.map((one) => new Map(Object.entries(recordFields(one))))],
  ];
}

function recordFields(one: RecordModel): Record<string, unknown> {
  return {
    ApproximateArrivalTimestamp: new Time(one.arrivalTimeMillis),
    Data: one.data,
    EncryptionType: one.encryptionType,
    PartitionKey: one.partitionKey,
    SequenceNumber: one.sequenceNumber,
  };
}

function childOf({ shardId, parents, start, end }: ChildModel): unknown {
  const HashKeyRange = new Map(Object.entries({ EndingHashKey: end, StartingHashKey: start }));
  return new Map<string, unknown>(Object.entries({ HashKeyRange, ParentShards: parents, ShardId: shardId }));
}

/** The page in JSON. */
export function jsonOf(page: PageModel, style: Style = usualStyle): Buffer {
  return Buffer.from(jsonText(new Map(treeOf(page)), style), 'utf8');
}

function jsonText(value: unknown, style: Style): string {
  const { blanks } = style;
  const list = (open: string, items: readonly string[], close: string) =>
    `${open}${blanks}${items.join(`${blanks},${blanks}`)}${blanks}${close}`;
  if (value instanceof Map) {
    const fields = fieldsOf([...(value as Map<string, unknown>)], style);
    const items = fields.map(([name, item]) => `"${name}"${blanks}:${blanks}${jsonText(item, style)}`);
    return list('{', items, '}');
  }
  if (value instanceof Uint8Array) return jsonString(Buffer.from(value).toString('base64'), style);
  if (value instanceof Time) return jsonTime(value.millis, style);
  if (Array.isArray(value))
    return list(
      '[',
      value.map((item) => jsonText(item, style)),
      ']',
    );
  return typeof value === 'string' ? jsonString(value, style) : JSON.stringify(value);
}

function jsonString(text: string, { escapes }: Style): string {
  const plain = JSON.stringify(text);
  if (escapes === 'slashes') return plain.replaceAll('/', '\\/');
  if (escapes === 'none') return plain;
  return plain.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function jsonTime(millis: number, { time }: Style): string {
  if (time === 'exponent') return (millis / 1_000).toExponential().toUpperCase();
  return time === 'long' ? (millis / 1_000).toFixed(9) : String(millis / 1_000);
}

/** The page in CBOR. Times are milliseconds, as Kinesis has them. */
export function cborOf(page: PageModel, style: Style = usualStyle): Buffer {
  return cborItem(new Map(treeOf(page)), style);
}

const types = { whole: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6 } as const;

/** The head of an item of CBOR. */
export function cborHead(type: keyof typeof types, argument: number, wide = false): Buffer {
  const kind = types[type] << 5;
  if (wide || argument >= 2 ** 32) {
    const bytes = Buffer.alloc(9, kind | 27);
    bytes.writeBigUInt64BE(BigInt(argument), 1);
    return bytes;
  }
  if (argument < 24) return Buffer.of(kind | argument);
  if (argument < 0x100) return Buffer.of(kind | 24, argument);
  if (argument < 0x1_0000) return Buffer.of(kind | 25, argument >> 8, argument & 0xff);
  const bytes = Buffer.alloc(5, kind | 26);
  bytes.writeUInt32BE(argument, 1);
  return bytes;
}

/** One item of CBOR. */
export function cborItem(value: unknown, style: Style = usualStyle): Buffer {
  if (value instanceof Map) return cborMap(fieldsOf([...(value as Map<string, unknown>)], style), style);
  if (value instanceof Uint8Array) return cborData(value, style);
  if (value instanceof Time) return cborTime(value.millis, style);
  if (Array.isArray(value)) {
    return cborMany(
      'list',
      value.length,
      value.map((item) => cborItem(item, style)),
      style,
    );
  }
  if (typeof value === 'object' && value !== null) return cborMap(Object.entries(value), style);
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([cborHead('text', bytes.length, style.wide), bytes]);
  }
  if (typeof value === 'number' && Number.isInteger(value)) {
    return value < 0 ? cborHead('negative', -1 - value) : cborHead('whole', value, style.wide);
  }
  if (typeof value === 'number') return cborDouble(value);
  return Buffer.of(value === true ? 0xf5 : value === false ? 0xf4 : 0xf6);
}

function cborMap(fields: Fields, style: Style): Buffer {
  const items = fields.flatMap(([name, item]) => [cborItem(name, style), cborItem(item, style)]);
  return cborMany('map', fields.length, items, style);
}

function cborMany(type: 'list' | 'map', count: number, items: readonly Buffer[], style: Style): Buffer {
  if (!style.untoldLengths) return Buffer.concat([cborHead(type, count, style.wide), ...items]);
  return Buffer.concat([Buffer.of((types[type] << 5) | 31), ...items, Buffer.of(0xff)]);
}

function cborData(data: Uint8Array, style: Style): Buffer {
  if (style.data === 'base64') return cborItem(Buffer.from(data).toString('base64'), style);
  if (style.data === 'bytes') return Buffer.concat([cborHead('bytes', data.length, style.wide), data]);
  const middle = data.length >> 1;
  const parts = [data.subarray(0, middle), data.subarray(middle)];
  const items = parts.flatMap((part) => [cborHead('bytes', part.length), part]);
  return Buffer.concat([Buffer.of(0x5f), ...items, Buffer.of(0xff)]);
}

function cborTime(millis: number, style: Style): Buffer {
  const number = style.double ? cborDouble(millis) : cborHead('whole', millis, style.wide);
  return style.tagged ? Buffer.concat([cborHead('tag', 1), number]) : number;
}

function cborDouble(value: number): Buffer {
  const bytes = Buffer.alloc(9, 0xfb);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}
