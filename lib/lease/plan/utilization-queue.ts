/**
 * A binary heap of workers by urgency. The key of an entry is taken when it is added: a worker whose figures changed
 * must be polled and added again, as KCL's priority queue wants it too.
 */
export class WorkerQueue<T> {
  readonly #comesBefore: (a: T, b: T) => boolean;
  readonly #heap: T[] = [];

  constructor(comesBefore: (a: T, b: T) => boolean) {
    this.#comesBefore = comesBefore;
  }

  add(entry: T): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!this.#comesBefore(entry, heap[parent] as T)) break;
      heap[index] = heap[parent] as T;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Takes out the first one. */
  poll(): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    this.#sink(last);
    return first;
  }

  /** Puts an entry into the place of the first one and moves it down to where it belongs. */
  #sink(entry: T): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#comesBefore(heap[child + 1] as T, heap[child] as T)) child += 1;
      if (!this.#comesBefore(heap[child] as T, entry)) break;
      heap[index] = heap[child] as T;
      index = child;
    }
    heap[index] = entry;
  }
}
