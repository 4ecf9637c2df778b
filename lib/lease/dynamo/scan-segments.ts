/** KCL reads this much of a table, in bytes, with one of the parallel scans (kcl.md 1.5). */
const bytesPerSegment = 0.2 * 1024 ** 3;
/** KCL's largest number of parallel scans. */
const maximumSegments = 32;
/** KCL's number of parallel scans of a table whose size is not known. */
const segmentsOfUnknownSize = 10;

/** Which part of a parallel scan a page belongs to. */
export interface ScanSegment {
  /** From 0. */
  readonly index: number;
  readonly total: number;
}

/** The parts in which a table of that many bytes is scanned side by side; one for all but the largest. */
export function scanSegments(tableSizeBytes: number | undefined): readonly ScanSegment[] {
  const total =
    tableSizeBytes === undefined
      ? segmentsOfUnknownSize
      : Math.min(maximumSegments, Math.max(1, Math.ceil(tableSizeBytes / bytesPerSegment)));
  return Array.from({ length: total }, (_, index) => ({ index, total }));
}
