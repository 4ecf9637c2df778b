import diagnosticsChannel from 'node:diagnostics_channel';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { diagnosticsChannelName } from '../../../../lib/event/bus.ts';
import type { MillraceEvent } from '../../../../lib/event/event.ts';
import type { StateWorkerSettings } from './worker-settings.ts';

// Imported before a counting process, which it kills at the named point: as an event is published, or half-way through the
// writing of a file. The program and the library know nothing of it.

const { killAt, stateFolder, sinkFolder } = JSON.parse(process.argv[2] ?? '') as StateWorkerSettings;
let passes = 0;

function pass(point: string): boolean {
  if (killAt?.point !== point) return false;
  passes += 1;
  return passes === killAt.pass;
}

function die(): void {
  const { signal = 'SIGKILL' } = killAt ?? {};
  if (signal === 'SIGSTOP') fs.writeSync(1, '{"type":"stopped"}\n');
  process.kill(process.pid, signal);
}

function pointsOf(event: MillraceEvent | { readonly type: 'userFunction' }): readonly string[] {
  switch (event.type) {
    case 'batch.step':
      return [`step ${event.step}`];
    case 'shard.changed':
      return [`shard ${event.to}`];
    case 'batch.started':
      return event.records > 0 ? ['batch.started'] : [];
    case 'shard.read':
      return event.records > 0 ? ['shard.read'] : [];
    default:
      return [event.type];
  }
}

const onMessage = (message: unknown) => {
  const points = pointsOf(message as Parameters<typeof pointsOf>[0]);
  if (points.some((point) => pass(point))) die();
};
diagnosticsChannel.subscribe(diagnosticsChannelName, onMessage);
diagnosticsChannel.subscribe('millrace.chaos', onMessage);

/** The half-written file of which kind, by the folder and the head of its first line. */
function fileKindOf(path: string, data: unknown): string {
  if (path.startsWith(sinkFolder)) return 'half sink';
  const head = Buffer.from(data as Uint8Array)
    .subarray(0, 200)
    .toString();
  const kind = /"format":"millrace-(\w+)"/.exec(head)?.[1] ?? 'unknown';
  const own =
    kind === 'manifest' && /"own":"snapshot"/.test(Buffer.from(data as Uint8Array).toString()) ? 'snapshot' : kind;
  return `half ${own}`;
}

const { open, unlink } = fs.promises;
fs.promises.open = async (...args) => {
  const handle = await open(...args);
  const path = String(args[0]);
  if (!path.startsWith(stateFolder) && !path.startsWith(sinkFolder)) return handle;
  for (const name of ['writeFile', 'appendFile', 'write'] as const) {
    const write = handle[name].bind(handle) as (data: unknown, ...rest: unknown[]) => Promise<unknown>;
    Object.defineProperty(handle, name, {
      value: async (data: unknown, ...rest: unknown[]) => {
        if (!pass(fileKindOf(path, data))) return write(data, ...rest);
        const bytes = typeof data === 'string' ? Buffer.from(data) : (data as Uint8Array);
        const half = Math.floor(bytes.byteLength / 2);
        await write(bytes.subarray(0, half));
        die();
        // One that was only paused goes on where it was.
        return write(bytes.subarray(half), ...rest);
      },
    });
  }
  return handle;
};
fs.promises.unlink = async (path) => {
  // What was never finished is always removed; garbage has a name of its own.
  const isGarbage = String(path).startsWith(stateFolder) && !String(path).includes('/.');
  if (isGarbage && pass('removal begins')) die();
  await unlink(path);
  if (isGarbage && pass('removal')) die();
};
syncBuiltinESMExports();
