import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { systemClock } from '../../base/clock.ts';
import {
  bitString,
  der,
  derTrue,
  objectIdentifier,
  octetString,
  positiveInteger,
  sequence,
  utcTime,
  utf8String,
} from './der.ts';

/** A certificate and its key, as PEM. */
export interface LoopbackCertificate {
  readonly cert: string;
  readonly key: string;
}

const dayMillis = 86_400_000;

/**
 * Makes a self-signed certificate for 127.0.0.1 and localhost with a new key, valid from yesterday for a year. It is its
 * own authority: a client that is given `cert` as `ca` trusts it, and nobody else does.
 */
export function makeLoopbackCertificate(): LoopbackCertificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const nowMillis = systemClock.wallMillis();
  const validity = sequence(utcTime(nowMillis - dayMillis), utcTime(nowMillis + 365 * dayMillis));
  const version3 = der(0xa0, positiveInteger(Uint8Array.of(2)));
  const serial = positiveInteger(createHash('sha256').update(publicKeyInfo).digest().subarray(0, 16));
  const body = sequence(
    version3,
    serial,
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKeyInfo,
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign('sha256', body, privateKey);
  return {
    cert: pem('CERTIFICATE', sequence(body, ecdsaWithSha256, bitString(signature))),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

const commonName = sequence(objectIdentifier('2.5.4.3'), utf8String('fake AWS of a test, trusted by nobody else'));
const name = sequence(der(0x31, commonName));

const extensions: readonly Buffer[] = [
  // Subject alternative names: an IP address is tag 7, a host name tag 2.
  extension('2.5.29.17', false, sequence(der(0x87, Uint8Array.of(127, 0, 0, 1)), der(0x82, Buffer.from('localhost')))),
  // It is an authority, so that a client takes it as one.
  extension('2.5.29.19', true, sequence(derTrue)),
];

function extension(identifier: string, critical: boolean, content: Buffer): Buffer {
  return sequence(objectIdentifier(identifier), critical ? derTrue : Buffer.alloc(0), octetString(content));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
