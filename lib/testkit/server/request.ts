import { awsError } from '../aws-error.ts';
import type { WireFormat, WireRequest } from './wire-format.ts';

/** Reads the members of a request and refuses what the service would refuse, in its words. */
export class RequestReader {
  readonly members: WireRequest;
  readonly #format: WireFormat;

  constructor(members: WireRequest, format: WireFormat) {
    this.members = members;
    this.#format = format;
  }

  /** A request of other members in the same format. */
  with(members: WireRequest): RequestReader {
    return new RequestReader(members, this.#format);
  }

  /** Whether the member is there. */
  has(name: string): boolean {
    return this.members[name] !== undefined && this.members[name] !== null;
  }

  text(name: string): string {
    return this.optionalText(name) ?? missing(name);
  }

  optionalText(name: string): string | undefined {
    if (!this.has(name)) return undefined;
    const value = this.members[name];
    return typeof value === 'string' ? value : wrongType(name, 'a string');
  }

  integer(name: string): number {
    return this.optionalInteger(name) ?? missing(name);
  }

  /** A whole number, within the bounds when they are given. */
  optionalInteger(name: string, lowest = -Infinity, highest = Infinity): number | undefined {
    if (!this.has(name)) return undefined;
    const value = this.members[name];
    if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType(name, 'an integer');
    if (value < lowest || value > highest) {
      throw awsError(
        'ValidationException',
        `1 validation error detected: Value '${value}' at '${camel(name)}' failed to satisfy constraint: Member must be between ${lowest} and ${highest}`,
      );
    }
    return value;
  }

  bytes(name: string): Uint8Array {
    if (!this.has(name)) return missing(name);
    return this.#format.bytesOf(this.members[name]) ?? wrongType(name, 'a blob');
  }

  /** Milliseconds since 1970. */
  millis(name: string): number {
    if (!this.has(name)) return missing(name);
    return this.#format.millisOf(this.members[name]) ?? wrongType(name, 'a timestamp');
  }

  /** A structure in the request. */
  optionalPart(name: string): RequestReader | undefined {
    if (!this.has(name)) return undefined;
    return new RequestReader(structure(name, this.members[name]), this.#format);
  }

  /** A list of structures in the request. */
  parts(name: string): readonly RequestReader[] {
    if (!this.has(name)) return missing(name);
    const value = this.members[name];
    if (!Array.isArray(value)) return wrongType(name, 'a list');
    return value.map((part) => new RequestReader(structure(name, part), this.#format));
  }
}

function structure(name: string, value: unknown): WireRequest {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as WireRequest;
  return wrongType(name, 'a structure');
}

function missing(name: string): never {
  throw awsError(
    'ValidationException',
    `1 validation error detected: Value null at '${camel(name)}' failed to satisfy constraint: Member must not be null`,
  );
}

function wrongType(name: string, wanted: string): never {
  throw awsError('SerializationException', `${name} is not ${wanted}`);
}

function camel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
