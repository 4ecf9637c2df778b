/**
 * Resolves in the next turn of the event loop: after every promise that can settle without I/O or timers has
 * settled. Not a timer: no time needs to pass.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
