/** Links over the network: what they outlive, and whom they let in. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkSecret } from '../../src/cluster/objects/config-secret.ts';
import { LINK_PORT, SUPERVISOR, WORKLOAD } from '../../src/cluster/objects/places.ts';
import { PODS, SECRETS } from '../../src/cluster/resources.ts';
import type { LinkAuthority } from '../../src/controller/link-authority.ts';
import { identityFiles } from '../../src/controller/link-secrets.ts';
import { connectTls } from '../../src/link/tls-connect.ts';
import { supervisorName, type TlsIdentity } from '../../src/link/tls-identity.ts';
import { requestText } from '../support/mcp-client.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapState, untilCalled } from '../support/trap.ts';
import { eventually, openCluster, type TestCluster } from './support/cluster.ts';
import { openCutProxy } from './support/cut-proxy.ts';
import { type Forward, forward } from './support/forward.ts';
import { HAS_PARTS, renewControllers, without } from './support/parts.ts';
import { type PodGateway, startPodGateway } from './support/pod-gateway.ts';
import { pidsOf } from './support/processes.ts';
import { orphan, type RunningPod, startServer } from './support/server-pod.ts';
import { createTestLinks } from './support/test-links.ts';

const folder = fileURLToPath(new URL('../fixtures/trap-server', import.meta.url));
const program = { kind: 'script', runtime: 'node', code: "import './main.ts';" } as const;
const LONGEST = 300_000;

let cluster: TestCluster;
let authority: LinkAuthority;
let own: TlsIdentity;
let pod: RunningPod;
let gateway: PodGateway;
let hop: Forward;
/** False: the hop between gateway and pod takes nobody. */
let isOpen = true;

beforeAll(async () => {
  cluster = await openCluster();
  authority = await createTestLinks();
  own = await authority.client();
  pod = await startServer(cluster, { name: 'trap', program, folder, authority });
  const { address: host = '', linkPort: port = 0 } = pod;
  hop = await forward(() => (isOpen ? { host, port } : undefined));
  const pods = [{ ...pod, address: '127.0.0.1', linkPort: hop.port }];
  gateway = await startPodGateway({ ...cluster, pods, identity: () => own });
}, LONGEST);
afterAll(async () => {
  await gateway?.close();
  await hop?.close();
  await cluster?.close();
});

const sessions = () => Promise.all(TRANSPORTS.map((transport) => session(transport, gateway.url('trap'))));

async function dial(identity: TlsIdentity, server = pod.definition.id): Promise<void> {
  const address = { host: pod.address ?? '', port: pod.linkPort ?? 0 };
  const signal = new AbortController().signal;
  (await connectTls({ address, peerName: supervisorName(server), identity, signal })).destroy();
}

/** Standard output and error of the supervisor. */
async function log(): Promise<string> {
  const target = { namespace: cluster.namespace, name: pod.pod };
  const answer = await cluster.client.log(
    target,
    { container: SUPERVISOR, tail: 500 },
    new AbortController().signal,
  );
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

describe('a link over the network', () => {
  it('takes nobody but those who show the certificate of a client, and its log says why not', async () => {
    await dial(own);
    const stranger = await createTestLinks();
    const aged = await createTestLinks(2 * 24 * 3_600_000);
    const { ca } = own;
    const refused: readonly [TlsIdentity, RegExp][] = [
      [{ ...(await stranger.client()), ca }, /does not accept our certificate/],
      [{ ...(await aged.client()), ca }, /does not accept our certificate/],
      [{ ...(await authority.supervisor(pod.definition.id)), ca }, /does not accept our certificate/],
      [{ ca } as TlsIdentity, /has been shown none/],
    ];
    for (const [identity, why] of refused) await expect(dial(identity)).rejects.toThrow(why);
    await expect(dial(own, 'another-server')).rejects.toThrow(/that of somebody else/);
    await expect(dial({ ...own, ca: (await stranger.client()).ca })).rejects.toThrow(/another authority/);
    await eventually('the reasons', async () => {
      const said = await log();
      return ['of another authority', 'for the other end of a link', 'has shown no certificate'].every(
        (why) => said.includes(why),
      );
    });
  });

  it('shows its key to the supervisor alone', async () => {
    const look = ['sh', '-c', 'cat /etc/berth/link/tls.key || echo nothing'];
    expect(await pod.run(SUPERVISOR, look)).toMatch(/PRIVATE KEY/);
    expect(await pod.run(WORKLOAD, look)).toBe('nothing\n');
  });

  it('that is cut brings every answer once when it is there again, and sessions go on', async () => {
    const clients = await sessions();
    const before = await Promise.all(clients.map(trapState));
    for (let round = 1; round <= 5; round++) {
      const breaks = gateway.breaks(pod.pod);
      const slow = requestText(`"cut-${round}"`, 'tools/call', { name: 'slow', arguments: { ms: 500 } });
      for (const client of clients) await client.send(slow);
      await Promise.all(clients.map((client) => untilCalled(client, 'slow', round)));
      isOpen = false;
      hop.cut();
      await eventually('the loss of the link', () => gateway.breaks(pod.pod) > breaks);
      isOpen = true;
      for (const client of clients)
        expect((await client.inbox.answer(`"cut-${round}"`)).message.result).toMatchObject({
          content: [{ text: 'slow' }],
        });
    }
    const after = await Promise.all(clients.map(trapState));
    expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
    for (const { calls } of after) expect(calls.filter((name) => name === 'slow')).toHaveLength(5);
    await Promise.all(clients.map((client) => client.close()));
  });

  it('needs no API server: a gateway that cannot reach any calls on, and begins sessions', async () => {
    const proxy = await openCutProxy(cluster.access);
    const lonely = await startPodGateway({
      ...cluster,
      access: proxy.access,
      pods: [pod],
      identity: () => own,
    });
    try {
      const client = await session('streamable-http', lonely.url('trap'));
      proxy.cut(true);
      expect((await client.request('"away"', 'trap/echo', { away: true })).message.result).toEqual({
        away: true,
      });
      const other = await session('websocket', lonely.url('trap'));
      expect((await trapState(other)).initializes).toBe(1);
      expect([lonely.breaks(pod.pod), proxy.open]).toEqual([0, 0]);
      await Promise.all([client.close(), other.close()]);
    } finally {
      await lonely.close();
      proxy.close();
    }
  });

  it(
    'lives on when the certificates are renewed under it, and the next one has the new ones',
    async () => {
      const clients = await sessions();
      const breaks = gateway.breaks(pod.pod);
      const next = await createTestLinks();
      const renewed = identityFiles(await next.supervisor(pod.definition.id));
      const both = { ...renewed, 'ca.crt': `${renewed['ca.crt']}${own.ca}` };
      const owner = { name: 'trap', namespace: cluster.namespace, uid: pod.definition.id };
      await cluster.client.replace(SECRETS, orphan(linkSecret(owner, both)));
      // Kubelet looks after a pod that has changed at once, and after any other within a minute or two; it may not know the Secret yet.
      let looks = 0;
      const touch = () => ({ metadata: { annotations: { 'berth.dev/test': `${looks}` } } });
      const name = { namespace: cluster.namespace, name: pod.pod };
      const future = await next.client();
      await eventually('the new certificates in the pod', async () => {
        if (looks++ % 20 === 0) await cluster.client.patch(PODS, name, { patch: touch() });
        await Promise.all(clients.map(trapState));
        return dial({ ...own, ca: future.ca }).then(
          () => true,
          () => false,
        );
      });
      expect(gateway.breaks(pod.pod)).toBe(breaks);
      expect(await log()).toContain('the certificates of the link were renewed');
      // The gateway's own is renewed with the next connection.
      own = future;
      hop.cut();
      await eventually('the loss of the link', () => gateway.breaks(pod.pod) > breaks);
      await Promise.all(clients.map(trapState));
      await Promise.all(clients.map((client) => client.close()));
      expect(await pod.restarts(SUPERVISOR)).toBe(0);
    },
    LONGEST,
  );

  it.runIf(HAS_PARTS).each([
    ['an API server', 'kube-apiserver', 30_000],
    ['a containerd', 'containerd', 10_000],
  ] as const)(
    'does not notice %s that is away',
    async (_, part, outage) => {
      const clients = await sessions();
      const before = await Promise.all(clients.map(trapState));
      const breaks = gateway.breaks(pod.pod);
      let answered = 0;
      await without(part, async () => {
        const end = Date.now() + outage;
        const slow = requestText('"slow"', 'tools/call', { name: 'slow', arguments: { ms: 5_000 } });
        for (const client of clients) await client.send(slow);
        while (Date.now() < end) {
          const answers = clients.map((client) =>
            client.request(`"during-${answered}"`, 'trap/echo', { answered }),
          );
          for (const { message } of await Promise.all(answers)) expect(message.result).toEqual({ answered });
          answered++;
          await sleep(100);
        }
        // New sessions begin, too, and what was in flight has been answered.
        await Promise.all((await sessions()).map((client) => client.close()));
        for (const client of clients)
          expect((await client.inbox.answer('"slow"')).message.result).toMatchObject({
            content: [{ text: 'slow' }],
          });
      });
      expect(answered).toBeGreaterThan(0);
      expect(gateway.breaks(pod.pod)).toBe(breaks);
      const after = await Promise.all(clients.map(trapState));
      expect(after.map(({ pid }) => pid)).toEqual(before.map(({ pid }) => pid));
      if (part === 'kube-apiserver') await renewControllers(cluster.client);
      const servers = () => pidsOf(pod, WORKLOAD, { program: '/node', argument: 'server.mjs' });
      // The sessions of meanwhile have left none.
      await eventually('a process for each session, and no other', async () => {
        const pids = await servers().catch(() => []);
        return (
          pids.sort().join() ===
          before
            .map(({ pid }) => pid)
            .sort()
            .join()
        );
      });
      await Promise.all(clients.map((client) => client.close()));
      await eventually('no process at all', async () => (await servers()).length === 0);
      expect([await pod.restarts(SUPERVISOR), await pod.restarts(WORKLOAD)]).toEqual([0, 0]);
    },
    LONGEST,
  );

  it('leaves the pod reachable by exec', async () => {
    const byExec = await startPodGateway({ ...cluster, pods: [{ ...pod, linkPort: undefined }] });
    try {
      const client = await session('streamable-http', byExec.url('trap'));
      expect((await trapState(client)).initializes).toBe(1);
      await client.close();
    } finally {
      await byExec.close();
    }
    expect(pod.linkPort).toBe(LINK_PORT);
  });
});
