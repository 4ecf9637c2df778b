import http from 'node:http';
import https from 'node:https';
import type { ConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * What is read from a connection at once, at most. Each piece of a body is copied out of it, and is as large as what had
 * come: the larger, the fewer pieces to a page, and the more a single record keeps in memory that somebody has not detached.
 */
const readBytes = 256 * 1024;

/** One for all connections of a thread: what was read is taken out of it before anything else can be read. */
let sharedBuffer: Uint8Array | undefined;

/** Agents for connections that are kept, as Node's own are given to `http.request` and `https.request`. */
export interface LeanAgents {
  readonly httpAgent: http.Agent;
  readonly httpsAgent: https.Agent;
}

/**
 * Agents for HTTP/1.1 whose connections all read into one buffer. By itself Node takes 64 KiB anew for whatever arrives on a
 * socket, and then copies out of it what belongs to a body: half of the garbage that a reader of pages leaves, whose
 * collection took more processor time than decoding.
 */
export function createLeanAgents(options: https.AgentOptions): LeanAgents {
  return { httpAgent: new LeanHttpAgent(options), httpsAgent: new LeanHttpsAgent(options) };
}

class LeanHttpAgent extends http.Agent {
  override createConnection(options: http.ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return readingIntoShared((onread) => super.createConnection({ ...options, ...onread }, connected));
  }
}

class LeanHttpsAgent extends https.Agent {
  override createConnection(options: https.RequestOptions, connected?: Connected): Duplex | null | undefined {
    return readingIntoShared((onread) => super.createConnection({ ...options, ...onread }, connected));
  }
}

type Connected = (error: Error | null, stream: Duplex) => void;

/** Connects with Node's option `onread`, and gives what arrives to the HTTP client that has the connection at that time. */
function readingIntoShared(connect: (options: ConnectOpts) => Duplex | null | undefined): Duplex | null | undefined {
  sharedBuffer ??= new Uint8Array(readBytes);
  const socket = connect({
    onread: {
      buffer: sharedBuffer,
      callback(length, bytes) {
        // The parser of the HTTP client listens to this, and copies what it keeps. Nobody listens to a connection that no
        // request uses: what comes then belongs to nothing, and must not be taken for the next answer.
        if (socket?.emit('data', Buffer.from(bytes.buffer, bytes.byteOffset, length)) === false) socket.destroy();
        return true;
      },
    },
  });
  return socket;
}

/** What is used of a request of the SDK. */
interface Headed {
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The SDK's handler for HTTP/1.1, which gives the headers to Node as a list, names and values in turn: a list Node writes as it
 * is. Of an object it keeps a pair for each header, under lower-case names, as long as the call takes. Of many calls at once V8
 * learns that such pairs live long, and makes them in its old generation from then on, where every few of them are a reason to
 * see whether all of the heap should be collected.
 */
export class LeanHttpHandler extends NodeHttpHandler {
  override handle(...[request, options]: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    return super.handle(listed(request), options);
  }
}

function listed<R extends Headed>(request: R): R {
  const { headers } = request;
  const names = Object.keys(headers);
  // To a list Node adds neither host nor length, and a request that waits to be continued goes another way through the handler.
  const isWhole = headers['host'] !== undefined && headers['content-length'] !== undefined;
  if (!isWhole || names.some((name) => name.toLowerCase() === 'expect')) return request;
  const list: string[] = [];
  for (const name of names) list.push(name, headers[name] as string);
  return { ...request, headers: list };
}
