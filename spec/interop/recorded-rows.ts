import { readFileSync } from 'node:fs';
import type { TableRows } from './tables.ts';

/** The versions of KCL whose rows were recorded, with the layout of their tables. */
export const recordedLayouts = { '3.5.1': 'single', '3.1.3': 'legacy' } as const;

/** A version of KCL whose rows were recorded. */
export type RecordedVersion = keyof typeof recordedLayouts;

/** What real Java workers of that version wrote, by the moment at which it was read (see record-rows.ts). */
export function recordedMoments(version: RecordedVersion): Readonly<Record<string, TableRows>> {
  const file = new URL(`fixtures/rows-${version}.json`, import.meta.url);
  const bytes = (key: string, value: unknown): unknown =>
    key === 'B' && typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value;
  return JSON.parse(readFileSync(file, 'utf8'), bytes) as Record<string, TableRows>;
}
