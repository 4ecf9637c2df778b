/**
 * Freezes plain objects and arrays to their depth, so that a function that changes the state it was given fails at once,
 * instead of changing the version that a failed batch goes back to. Other objects (a `Map`, bytes, instances of a class)
 * cannot be kept from changing and are left as they are.
 */
export function freezeState<S>(value: S): S {
  if (!isPlain(value) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeState(part);
  return value;
}

/** Whether a value that is the same as before can be relied on to be unchanged inside as well. */
export function cannotChange(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return true;
  return isPlain(value) && Object.isFrozen(value);
}

function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
