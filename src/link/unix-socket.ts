/** Byte streams over a unix socket that only its owner can reach. */
import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { BerthError } from '../errors.ts';

/** Opens a byte stream to the socket at `path`. Rejects with what the system says. */
export async function connectUnixSocket(path: string, signal?: AbortSignal): Promise<Duplex> {
  const socket = createConnection({ path });
  try {
    await once(socket, 'connect', signal ? { signal } : {});
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * Listens at `path` with mode 0600; the socket of a program that is dead is replaced. Rejects with `conflict` while another
 * program listens there.
 */
export async function listenUnixSocket(path: string, accept: (stream: Socket) => void): Promise<Server> {
  if (await isServed(path)) {
    throw new BerthError('conflict', `another program listens at ${path}`, {
      hint: 'Stop that program, or choose another socket path.',
    });
  }
  if (await isSocket(path)) await rm(path, { force: true });
  const server = createServer({ noDelay: true }, (socket: Socket) => accept(socket));
  // The mask counts from the first moment on; a chmod afterwards would come too late.
  const mask = process.umask(0o177);
  try {
    server.listen(path);
    await once(server, 'listening');
  } finally {
    process.umask(mask);
  }
  // A connection that could not be accepted is that gateway's loss, and it tries again.
  server.on('error', () => {});
  return server;
}

/** Anything else at that path is not ours to remove: listening then fails with what the system says. */
async function isSocket(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSocket();
  } catch {
    return false;
  }
}

async function isServed(path: string): Promise<boolean> {
  try {
    (await connectUnixSocket(path)).destroy();
    return true;
  } catch {
    return false;
  }
}
