import { type ChildProcess, spawn } from 'node:child_process';
import { programArguments } from '../support/programs.ts';

/** What a worker has told; see `fixtures/blocking-worker.ts`. */
export type BlockingLine =
  | {
      readonly type: 'records';
      readonly shardId: string;
      readonly tenure: number;
      readonly numbers: readonly number[];
      readonly atMillis: number;
    }
  | { readonly type: 'lease.gained' | 'lease.released'; readonly leaseKey: string; readonly tenure: number }
  | { readonly type: 'lease.lost'; readonly leaseKey: string; readonly tenure: number; readonly reason: string }
  | { readonly type: 'worker.stalled'; readonly forMillis: number; readonly released: boolean }
  | { readonly type: 'shard.stalled'; readonly shardId: string; readonly released: boolean }
  | { readonly type: 'heartbeats.inlined'; readonly reason: string }
  | { readonly type: 'blocking' | 'ended' }
  | { readonly type: 'awake'; readonly atMillis: number };

/** A worker in a process of its own whose main thread can be blocked. */
export class BlockingProcess {
  readonly lines: BlockingLine[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;
  #errors = '';

  /** `hangs`: numbers of records at which its handler never returns. */
  constructor(options: Readonly<Record<string, unknown>>, hangs: readonly number[] = []) {
    const program = programArguments('spec/integration/fixtures/blocking-worker.ts');
    this.#child = spawn(process.execPath, [...program, JSON.stringify(options), hangs.join(',')], {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#exit = new Promise((settle) => this.#child.once('close', () => settle()));
    this.#child.on('message', (line) => this.lines.push(line as BlockingLine));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
  }

  /** What it has written to standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** The lines of one type. */
  of<T extends BlockingLine['type']>(type: T): Extract<BlockingLine, { type: T }>[] {
    return this.lines.filter((line): line is Extract<BlockingLine, { type: T }> => line.type === type);
  }

  /** Tenures by lease, of those that it gained and did not lose or release. */
  get held(): ReadonlyMap<string, number> {
    const held = new Map<string, number>();
    for (const line of this.lines) {
      if (line.type === 'lease.gained') held.set(line.leaseKey, line.tenure);
      const isOver = line.type === 'lease.lost' || line.type === 'lease.released';
      if (isOver && held.get(line.leaseKey) === line.tenure) held.delete(line.leaseKey);
    }
    return held;
  }

  /** Blocks its main thread; nothing of it runs for so long. */
  block(blockMillis: number): void {
    this.#child.send({ blockMillis });
  }

  drain(): void {
    this.#child.send({ drain: true });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}
