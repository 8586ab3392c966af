/** A hop between a test and its API server that the test can cut. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import type { ClusterAccess } from '../../../src/cluster/access.ts';

export interface CutProxy {
  readonly access: ClusterAccess;
  /** Connections that go through it. */
  readonly open: number;
  /** Cuts them all; from now on new ones are refused, or let through again. */
  cut(refuse: boolean): void;
  close(): void;
}

export async function openCutProxy(access: ClusterAccess): Promise<CutProxy> {
  const { hostname, port, pathname } = new URL(access.baseUrl);
  const sockets = new Set<Socket>();
  let refusing = false;
  const server = createServer((socket) => {
    if (refusing) return void socket.destroy();
    const target = createConnection({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) });
    for (const one of [socket, target]) one.on('error', () => {}).once('close', () => cutPair());
    const cutPair = (): void => {
      socket.destroy();
      target.destroy();
      sockets.delete(socket);
    };
    sockets.add(socket);
    socket.pipe(target).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = (server.address() as AddressInfo).port;
  return {
    access: {
      baseUrl: `https://127.0.0.1:${own}${pathname.replace(/\/$/, '')}`,
      namespace: access.namespace,
      refresh: () => access.refresh(),
      // The certificate names the API server, not this hop.
      credentials: async () => {
        const { tls, ...rest } = await access.credentials();
        return { ...rest, tls: { ...tls, rejectUnauthorized: false } };
      },
    },
    get open() {
      return sockets.size;
    },
    cut: (refuse) => {
      refusing = refuse;
      for (const socket of sockets) socket.destroy();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
