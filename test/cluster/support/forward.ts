/** A port of this machine for an address of the cluster: one connection for one, ended as the other side ends it. */
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

export interface Forward {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Breaks the connections that there are; new ones are taken. */
  cut(): void;
  /** Listens no more, and breaks the connections that there are. */
  close(): Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `to` is asked anew for each connection; one that has nowhere to go is reset. */
export async function forward(to: () => Address | undefined): Promise<Forward> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const address = to();
    near.on('error', () => near.destroy());
    if (!address) return void near.resetAndDestroy();
    const far = createConnection({ ...address, allowHalfOpen: true });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.resetAndDestroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    close: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}
