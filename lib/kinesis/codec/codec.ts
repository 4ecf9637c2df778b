/**
 * How answers of GetRecords are decoded: `json` and `cbor` by Millrace's own decoders of the two formats that Kinesis
 * speaks, `sdk` by the SDK's generic one.
 */
export type Codec = 'json' | 'cbor' | 'sdk';
