/** Instructions, or any other part of a WebAssembly module, as bytes. */
export type Code = readonly number[];

/** What every module begins with. */
export const wasmHeader: Code = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** The bytes of an unsigned number as WebAssembly has them. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Puts a number on the stack: below 2 ** 13, and not negative. */
export function constant(value: number): Code {
  return [0x41, ...(value < 0x40 ? [value] : [(value & 0x7f) | 0x80, value >> 7])];
}

/** A list, with its length. */
export function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

/** Codes one after the other. */
export function joined(...codes: readonly Code[]): Code {
  return codes.flat();
}

/** A section of a module. */
export function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

/** Puts a local on the stack. */
export function get(local: number): Code {
  return [0x20, ...unsigned(local)];
}

/** Takes the top of the stack into a local. */
export function set(local: number): Code {
  return [0x21, ...unsigned(local)];
}

/** The same, and leaves it on the stack. */
export function tee(local: number): Code {
  return [0x22, ...unsigned(local)];
}

/** An operation on vectors of 128 bits. */
export function vector(operation: number): Code {
  return [0xfd, ...unsigned(operation)];
}

/** The part of WebAssembly that is used here; the types of Node 20 do not have it. */
interface WebAssemblyParts {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/**
 * The exports of a module made of these bytes.
 * @throws where WebAssembly, or its vectors, are not to be had (`node --jitless`, some processors)
 */
export function instantiate<Exports>(program: Uint8Array): Exports {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: WebAssemblyParts };
  return new WebAssembly.Instance(new WebAssembly.Module(program)).exports as Exports;
}
