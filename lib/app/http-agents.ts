import http from 'node:http';
import https from 'node:https';
import type { ConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';

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
