/** HTTP/2 over any byte stream: how both ends of a link set it up. */
import {
  type ClientHttp2Session,
  connect,
  type Http2Session,
  performServerHandshake,
  type ServerHttp2Session,
} from 'node:http2';
import type { Duplex } from 'node:stream';

/** Path of the stream that carries the two hellos and of those that carry a conversation each. */
export const PATH = { hello: '/hello', conversation: '/conversation' } as const;

/** HTTP/2's own windows must never be the limit: byte credit per reader is. */
const WINDOW = 2 ** 31 - 1;
/** Larger frames would let one long message hold up the others' for longer. */
const FRAME = 64 * 1024;
const MOST_STREAMS = 2 ** 31 - 1;
/** Megabytes that Node lets one session hold; readers' windows bound it long before. */
const SESSION_MEMORY = 4_096;

const SETTINGS = { initialWindowSize: WINDOW, maxFrameSize: FRAME, enablePush: false };

/** The gateway's end. */
export function openCarrier(stream: Duplex): ClientHttp2Session {
  const session = connect('http://supervisor', {
    createConnection: () => stream,
    settings: SETTINGS,
    peerMaxConcurrentStreams: MOST_STREAMS,
    maxSessionMemory: SESSION_MEMORY,
  });
  return guarded(session, stream);
}

/** The supervisor's end. */
export function acceptCarrier(stream: Duplex): ServerHttp2Session {
  const session = performServerHandshake(stream, {
    settings: { ...SETTINGS, maxConcurrentStreams: MOST_STREAMS },
    maxSessionMemory: SESSION_MEMORY,
  });
  return guarded(session, stream);
}

function guarded<T extends Http2Session>(session: T, stream: Duplex): T {
  const widen = (): void => {
    if (!session.destroyed) session.setLocalWindowSize(WINDOW);
  };
  if (session.connecting) session.once('connect', widen);
  else widen();
  // Whatever ends the bytes ends the session; its `close` event is what both ends act on.
  session.on('error', () => {});
  stream.on('error', () => session.destroy());
  // Node ends the other direction of its own wrapper next, and an assertion of it ends the program when HTTP/2 writes meanwhile.
  stream.once('end', () => session.destroy());
  stream.once('close', () => session.destroy());
  session.once('close', () => stream.destroy());
  return session;
}
