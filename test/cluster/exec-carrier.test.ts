import { afterAll, beforeAll } from 'vitest';
import { createExecCarrier, joinCommand } from '../../src/cluster/exec-carrier.ts';
import { openExec } from '../../src/cluster/exec-channel.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { linkContract } from '../contract/link.ts';
import { openCluster, type TestCluster } from './support/cluster.ts';
import { GATEWAY_SOCKET, JOIN_PROGRAM, SUPERVISOR_SOCKET, SWITCHBOARD } from './support/switchboard.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await openCluster();
  await cluster.pod('switchboard', SWITCHBOARD);
});
afterAll(() => cluster?.close());

linkContract('exec through a cluster', async (host) => {
  const { access, namespace } = cluster;
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
});
