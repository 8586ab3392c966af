import { afterAll, beforeAll } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.ts';
import { createExecCarrier, joinCommand } from '../../src/cluster/exec-carrier.ts';
import { openExec } from '../../src/cluster/exec-channel.ts';
import { V4 } from '../../src/cluster/exec-frames.ts';
import type { ConversationHost } from '../../src/link/in-process.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { type LinkCarrier, linkContract } from '../contract/link.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { openFaultProxy } from './support/fault-proxy.ts';
import { GATEWAY_SOCKET, JOIN_PROGRAM, SUPERVISOR_SOCKET, SWITCHBOARD } from './support/switchboard.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
  await cluster.pod('switchboard', SWITCHBOARD);
});
afterAll(() => cluster?.close());

linkContract('exec through a cluster', (host) => openLinks(host, cluster.access));

linkContract('exec over the older protocol', async (host) => {
  const proxy = await openFaultProxy(cluster.access);
  proxy.protocol = V4;
  const links = await openLinks(host, proxy.access);
  const close = async (): Promise<void> => {
    await links.close();
    proxy.close();
  };
  return { ...links, close };
});

async function openLinks(host: ConversationHost, access: ClusterAccess): Promise<LinkCarrier> {
  const { namespace } = cluster;
  const place = { namespace, pod: 'switchboard', container: 'main', program: JOIN_PROGRAM };
  const server = createLinkServer(host);
  const carrier = createExecCarrier({ access });
  const links: Link[] = [];
  const serve = async (signal: AbortSignal): Promise<void> => {
    const command = joinCommand({ ...place, socket: SUPERVISOR_SOCKET });
    server.serve(await openExec({ access, target: { ...place, command }, signal }));
  };
  return {
    link: () => {
      const instance = `gateway-${links.length}`;
      const connect = async (signal: AbortSignal) => {
        const [stream] = await Promise.all([
          carrier.connect({ ...place, socket: GATEWAY_SOCKET }, signal),
          serve(signal),
        ]);
        return stream;
      };
      const link = createSocketLink({ connect, instance });
      links.push(link);
      return link;
    },
    close: async () => {
      await Promise.all(links.map((link) => link.close()));
      await server.close();
    },
  };
}
