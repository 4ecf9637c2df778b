import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMillraceError } from '../../../lib/base/error.ts';
import { checksumOf, schemaVersion, seal, unseal } from '../../../lib/engine/store/sealed.ts';

const expected = { location: 'memory:state', name: 'app/x', kind: 'state' };
const read = (bytes: Uint8Array, more = {}) => [...unseal(bytes, { ...expected, ...more })];

describe('a sealed object', () => {
  it('gives back its lines', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const { bytes, checksum } = seal(
          'state',
          values.map((value) => JSON.stringify(value)),
        );
        expect(read(bytes, { checksum })).toEqual(values.map((value): unknown => JSON.parse(JSON.stringify(value))));
      }),
    );
  });

  it('is refused whole when any byte of it changed or any end of it is missing, before a line is given', () => {
    const { bytes, checksum } = seal('state', ['{"a":[1,2,3]}', '{"b":"two"}']);
    fc.assert(
      fc.property(fc.nat(bytes.byteLength - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = new Uint8Array(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        for (const wrong of [changed, bytes.subarray(0, at)]) {
          const lines = unseal(wrong, { ...expected, checksum });
          let thrown: unknown;
          try {
            lines.next();
          } catch (caught) {
            thrown = caught;
          }
          expect(isMillraceError(thrown, 'MR_STATE_DAMAGED') || isMillraceError(thrown, 'MR_STATE_NEWER')).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is refused when it is whole but not the one that was named', () => {
    const { bytes } = seal('state', ['1']);
    const { checksum } = seal('state', ['2']);
    expect(() => read(bytes, { checksum })).toThrow(/not the object that is named/);
    expect(read(bytes, { checksum: checksumOf(bytes) })).toEqual([1]);
  });

  it('is refused when it is of another kind', () => {
    expect(() => read(seal('manifest', ['1']).bytes)).toThrow(/is a millrace-manifest, not a millrace-state/);
  });

  it('is refused by name when a later version wrote it', () => {
    const [header, ...rest] = Buffer.from(seal('state', ['1']).bytes)
      .toString()
      .split('\n');
    const newer = { ...(JSON.parse(header ?? '') as object), schemaVersion: schemaVersion + 1 };
    const bytes = Buffer.from([JSON.stringify(newer), ...rest].join('\n'));
    expect(() => read(bytes)).toThrow(/MR_STATE_NEWER.*written by the rules 2/);
  });
});
