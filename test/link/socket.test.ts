import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { connectUnixSocket, listenUnixSocket } from '../../src/link/unix-socket.ts';
import { linkContract } from '../contract/link.ts';

linkContract('unix socket', async (host) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-link-'));
  const path = join(folder, 'socket');
  const links: Link[] = [];
  const server = createLinkServer(host);
  const listener = await listenUnixSocket(path, (stream) => server.serve(stream));
  return {
    link: () => {
      const instance = `gateway-${links.length}`;
      const link = createSocketLink({ connect: (signal) => connectUnixSocket(path, signal), instance });
      links.push(link);
      return link;
    },
    close: async () => {
      await Promise.all(links.map((link) => link.close()));
      await server.close();
      listener.close();
      rmSync(folder, { recursive: true });
    },
  };
});
