import { appendFileSync, mkdirSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { subscribe } from 'node:diagnostics_channel';
import { inject } from 'vitest';
import { type WireRequest, callsOf } from './aws-calls.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder where the processes of a run write down which calls of AWS they saw. */
    readonly awsCalls: string;
  }
}

// Set-up of every spec file: writes down what Millrace's clients send. Requests to a fake in this process are seen as they
// come in, from whatever process or thread; requests to emulators as they go out. Each kind of call is written once.

const guard = Symbol.for('millrace: calls of AWS are written down');

if (!(guard in globalThis)) {
  Object.defineProperty(globalThis, guard, { value: true });
  record(inject('awsCalls'));
}

function record(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const known = new Set<string>();
  const note = (request: WireRequest) => {
    for (const call of callsOf(request)) {
      const line = JSON.stringify(call);
      if (known.has(line)) continue;
      known.add(line);
      appendFileSync(join(folder, `${process.pid}.jsonl`), `${line}\n`);
    }
  };
  subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: IncomingMessage };
    const { method = '', url: path = '', headers } = request;
    const target = String(headers['x-amz-target'] ?? '');
    const head = { method, path, userAgent: headers['user-agent'] ?? '', target };
    if (target === '') return;
    if (target.startsWith('DynamoDB_')) onceRead(request, (body) => note({ ...head, body }));
    else note(head);
  });
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: ClientRequest };
    const header = (name: string) => String(request.getHeader(name) ?? '');
    const { method, path } = request;
    note({ method, path, userAgent: header('user-agent'), target: header('x-amz-target') });
  });
}

/** Hears the body of a request when whoever it is for has read it. */
function onceRead(request: IncomingMessage, hear: (body: string) => void): void {
  const chunks: Buffer[] = [];
  const emit = request.emit.bind(request) as (event: string | symbol, ...args: unknown[]) => boolean;
  request.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event === 'data') chunks.push(args[0] as Buffer);
    if (event === 'end') hear(Buffer.concat(chunks).toString());
    return emit(event, ...args);
  };
}
