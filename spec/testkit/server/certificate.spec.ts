import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { makeLoopbackCertificate } from '../../../lib/testkit/server/certificate.ts';
import { objectIdentifier, positiveInteger } from '../../../lib/testkit/server/der.ts';

describe('the certificate of the fake AWS', () => {
  it('is its own authority, for this machine only, and valid now', () => {
    const certificate = new X509Certificate(makeLoopbackCertificate().cert);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.ca).toBe(true);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
    const nowMillis = systemClock.wallMillis();
    expect(Date.parse(certificate.validFrom)).toBeLessThan(nowMillis);
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(nowMillis + 86_400_000);
  });

  it('has a key and a number of its own each time', () => {
    const made = Array.from({ length: 50 }, makeLoopbackCertificate);
    const numbers = made.map(({ cert }) => new X509Certificate(cert).serialNumber);
    expect(new Set(numbers).size).toBe(made.length);
    expect(new Set(made.map(({ key }) => key)).size).toBe(made.length);
  });
});

describe('DER', () => {
  it('writes a positive integer in as few bytes as it takes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (bytes) => {
        const [tag, length = 0, ...content] = positiveInteger(bytes);
        expect([tag, length]).toEqual([2, content.length]);
        const value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
        expect(BigInt(`0x${Buffer.from(content).toString('hex')}`)).toBe(value);
        expect(content[0]).toBeLessThan(0x80);
        if (content.length > 1 && content[0] === 0) expect(content[1]).toBeGreaterThanOrEqual(0x80);
      }),
    );
  });

  it('writes object identifiers as X.690 does', () => {
    expect(objectIdentifier('1.2.840.113549').toString('hex')).toBe('06062a864886f70d');
  });
});
