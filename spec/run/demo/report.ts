import type { KinesisStreamOptions } from '../../../lib/index.ts';
import type { RecordPlace, WordCounts } from './ledger.ts';

/** What a worker is told, in one line of JSON on its standard input, once it is ready. */
export interface WorkerSettings {
  readonly workerIdentifier: string;
  readonly applicationName: string;
  readonly streamName: string;
  readonly kinesisEndpoint: string;
  readonly dynamoDBEndpoint: string;
  /** Where its batches are committed, each planned before; without it they are acknowledged, and may come again. */
  readonly stateFolder?: string;
  /** Options beside those of the demo; Millrace's defaults without them. */
  /** Whether it serves its page. */
  readonly ui?: boolean;
  readonly options?: Pick<KinesisStreamOptions, 'failoverTimeMillis' | 'leaseAssignmentStrategy'>;
}

/** What a worker tells, in lines of JSON on its standard output. */
export type WorkerReport =
  /** Its program is loaded. */
  | { readonly type: 'ready' }
  /** The word counts of one batch of one shard have reached the output. */
  | { readonly type: 'counts'; readonly group: string; readonly batchId: number; readonly counts: WordCounts }
  /** The records of one batch of one shard have reached the output. */
  | {
      readonly type: 'records';
      readonly group: string;
      readonly batchId: number;
      readonly places: readonly RecordPlace[];
    }
  /** Where its page is, token included. */
  | { readonly type: 'page'; readonly url: string }
  /** The shards it holds, and how far the last reads were behind the tip. */
  | { readonly type: 'shards'; readonly held: readonly string[]; readonly behindMillis?: number };

const types: readonly string[] = ['ready', 'counts', 'records', 'page', 'shards'] satisfies WorkerReport['type'][];

/**
 * Reads a line that a worker wrote.
 * @throws Error when it is no report: somebody else writes to the worker's standard output
 */
export function parseReport(line: string): WorkerReport {
  const report = parseJson(line);
  if (typeof report === 'object' && report !== null && 'type' in report && types.includes(String(report.type))) {
    return report as WorkerReport;
  }
  throw new Error(`standard output has a line that is no report: ${line.slice(0, 200)}`);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** Cuts pieces of text into whole lines. */
export class LineCutter {
  #rest = '';

  /** The lines that a further piece completes, without their newlines. */
  push(piece: string): string[] {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines;
  }
}
