/**
 * A release whose links go over the network: without any right to exec, over a renewal of every certificate, and back to exec. At its
 * end its gateway serves HTTPS itself.
 */
import { X509Certificate } from 'node:crypto';
import { Agent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SUPERVISOR } from '../../src/cluster/objects/places.ts';
import { linkPortOf } from '../../src/cluster/pod-carrier.ts';
import { type KubeObject, SECRETS } from '../../src/cluster/resources.ts';
import { certificate } from '../support/certificates.ts';
import { open as openUrl } from '../support/http-client.ts';
import { bearer, type McpClient, requestText } from '../support/mcp-client.ts';
import { session } from '../support/transports.ts';
import { eventually } from './support/cluster.ts';
import { figure, since } from './support/figures.ts';
import { postHttps } from './support/https-call.ts';
import { lostPartsCases } from './support/lost-parts-cases.ts';
import { HAS_PARTS, renewControllers, without } from './support/parts.ts';
import { type ReleasePod, type RunningRelease, startRelease, steady } from './support/release.ts';
import { kubectlRemoves } from './support/tidy.ts';
import { attempt, CHART, read, run, runBeside } from './support/tools.ts';

type Authority = ReturnType<typeof certificate>;

const OUTAGE = 30_000;
const LONGEST = 420_000;
/** Milliseconds for which an answer is waited for whose link has to be made anew. */
const PATIENCE = 120_000;
/** Says which process it is, as late as it is asked to. */
const CODE = `
import { createInterface } from 'node:readline';
const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  const protocolVersion = params?.protocolVersion;
  const serverInfo = { name: 'slow', version: '1' };
  if (method === 'initialize') say({ id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
  else if (method === 'tools/list') say({ id, result: { tools: [{ name: 'pid', inputSchema: { type: 'object' } }] } });
  else if (method === 'tools/call') {
    const result = { content: [{ type: 'text', text: String(process.pid) }] };
    setTimeout(() => say({ id, result }), params.arguments?.ms ?? 0);
  } else if (id !== undefined) say({ id, error: { code: -32601, message: 'no such method' } });
});
`;

/** Of gateway, controller and package store. */
const USER = 1_000_650_000;

let release: RunningRelease;

beforeAll(async () => {
  release = await startRelease({
    link: { carrier: 'network', keepExec: false },
    // As a cluster assigns them that gives each namespace ids of its own.
    podSecurityContext: { runAsUser: USER, runAsGroup: 'auto', fsGroup: USER },
    gateway: { replicas: 1 },
    controller: { replicas: 1 },
  });
  await release.run({ name: 'slow', source: { script: { runtime: 'node', code: CODE } } });
}, LONGEST);
afterAll(() => release?.close(), LONGEST);

/**
 * A Service whose proxy has just missed its API server leads to the gateway of before for a while, which cuts what comes in as it ends:
 * a connection that is cut before anything was asked on it is made again, a bounded number of times.
 */
async function open(base?: string): Promise<McpClient> {
  for (let again = 0; ; again++) {
    try {
      return await session('streamable-http', release.serverUrl('slow', base), { key: release.key });
    } catch (error) {
      if (again === 60 || !/ECONNRE/.test(String(error))) throw error;
      await sleep(500);
    }
  }
}

/** Over a gateway that is replaced: the end of the session may be asked of the one before. */
async function leave(client: McpClient): Promise<void> {
  await client.close().catch((error: unknown) => expect(String(error)).toMatch(/ECONNRE/));
}
/** Asks one gateway for a server; its status. */
async function make(base: string, name: string): Promise<number> {
  const headers = { 'content-type': 'application/json', ...bearer(release.key) };
  const body = JSON.stringify({ name, source: { script: { runtime: 'node', code: CODE } } });
  const response = await openUrl(`${base}/api/v1/servers`, { method: 'POST', headers, body });
  await response.body();
  return response.status;
}

const pid = (client: McpClient): Promise<string> => client.toolText('pid');

async function onlyPod(pods = release.serverPods('slow')): Promise<ReleasePod> {
  const present = (await pods).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  expect(present).toHaveLength(1);
  return present[0] as ReleasePod;
}
const onlyGateway = (): Promise<ReleasePod> => onlyPod(release.pods('gateway'));

async function signedAt(namespace: string, name: string): Promise<number> {
  const secret = await release.client.get<KubeObject & { data: Record<string, string> }>(SECRETS, {
    namespace,
    name,
  });
  const pem = Buffer.from(secret?.data['tls.crt'] ?? '', 'base64').toString();
  return pem === '' ? 0 : new X509Certificate(pem).validFromDate.getTime();
}

/** Standard error of the supervisor. */
function supervisorLog(pod: ReleasePod): string {
  return run('kubectl', ['-n', release.servers, 'logs', pod.metadata.name ?? '', '-c', SUPERVISOR]);
}

/** Command lines of what runs in the supervisor's container. */
function supervisorProcesses(pod: ReleasePod): string {
  const look = ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "'];
  const target = ['-n', release.servers, 'exec', pod.metadata.name ?? '', '-c', SUPERVISOR];
  return run('kubectl', [...target, '--', ...look]);
}

describe('a release without the right to exec', () => {
  it(
    'serves, and its controller counts the sessions',
    async () => {
      for (const account of ['gateway', 'controller']) {
        const user = `--as=system:serviceaccount:${release.namespace}:${release.name}-${account}`;
        const args = ['auth', 'can-i', 'create', 'pods/exec', '-n', release.servers, user];
        expect(attempt('kubectl', args).out.trim()).toBe('no');
      }
      expect(linkPortOf(await onlyPod())).toBe(8643);
      const client = await open();
      expect(await pid(client)).toMatch(/^\d+$/);
      await eventually('the count', async () => (await release.api.get('slow')).status.sessions === 1);
      await client.close();
    },
    LONGEST,
  );

  it('runs under the user of its values', async () => {
    for (const component of ['gateway', 'controller', 'trees']) {
      const pod = await onlyPod(release.pods(component));
      const [where, id] = [
        ['-n', release.namespace, pod.metadata.name ?? ''],
        ['--', 'id', '-u'],
      ];
      expect(await runBeside('kubectl', ['exec', ...where, ...id])).toBe(`${USER}\n`);
    }
  });

  describe('that loses', () => lostPartsCases(() => release));

  it(
    'renews every certificate under a session that goes on',
    async () => {
      const client = await open();
      const [before, pod] = [await pid(client), await onlyPod()];
      const names = {
        ca: `${release.name}-link-ca`,
        client: `${release.name}-link-client`,
        server: 'mcp-slow-link',
      };
      const old = await signedAt(release.servers, names.server);
      run('kubectl', ['-n', release.namespace, 'delete', 'secret', names.ca, names.client]);
      await eventually(
        'a certificate for clients',
        async () => (await signedAt(release.namespace, names.client)) > 0,
      );
      await eventually(
        'a certificate for the server',
        async () => (await signedAt(release.servers, names.server)) > old,
      );
      // Kubelet looks after a pod that has changed at once, and after any other within a minute or two.
      const touch = ['annotate', 'pod', pod.metadata.name ?? '', 'berth.dev/test=renewed', '--overwrite'];
      run('kubectl', ['-n', release.servers, ...touch]);
      await eventually('the renewal in the pod', async () => {
        expect(await pid(client)).toBe(before);
        return supervisorLog(pod).includes('the certificates of the link were renewed');
      });
      // Links that are made from now on have nothing but the new ones.
      run('kubectl', ['-n', release.namespace, 'rollout', 'restart', `deployment/${release.name}-gateway`]);
      run('kubectl', [
        '-n',
        release.namespace,
        'rollout',
        'status',
        `deployment/${release.name}-gateway`,
        '--timeout=120s',
      ]);
      await eventually('the session on the new gateway', () =>
        pid(client).then(
          (now) => now === before,
          () => false,
        ),
      );
      expect((await onlyPod()).metadata.uid).toBe(pod.metadata.uid);
      await leave(client);
    },
    LONGEST,
  );

  it.runIf(HAS_PARTS)(
    'calls while the API server is away',
    async () => {
      // A node that does not know yet that the gateway of before is gone does not hear of it meanwhile.
      const base = release.gatewayUrl(await onlyGateway());
      const client = await open(base);
      const before = await pid(client);
      await without('kube-apiserver', async () => {
        const end = Date.now() + OUTAGE;
        const slow = client.toolText('pid', { ms: 10_000 });
        while (Date.now() < end) {
          expect(await pid(client)).toBe(before);
          await sleep(250);
        }
        expect(await slow).toBe(before);
        const asked = performance.now();
        expect(await make(base, 'away')).toBe(503);
        figure('a server that is asked for while the API server is away is refused after', since(asked));
        const other = await open(base);
        expect(await pid(other)).not.toBe(before);
        await other.close();
      });
      expect(await pid(client)).toBe(before);
      const back = performance.now();
      await steady('a server that is taken', async () =>
        (await make(base, 'away')) < 300 ? true : undefined,
      );
      figure('the API server is there again: a server is taken after', since(back));
      await client.close();
      await renewControllers(release.client);
      await release.remove('away');
    },
    LONGEST,
  );

  it(
    'goes by exec when the value says so, with its pods and sessions where they were',
    async () => {
      const client = await open();
      const [before, pod] = [await pid(client), await onlyPod()];
      await release.helm('upgrade', CHART, '--reuse-values', '--set', 'link.carrier=exec');
      for (const part of ['gateway', 'controller'])
        run('kubectl', [
          ...['-n', release.namespace, 'rollout', 'status'],
          ...[`deployment/${release.name}-${part}`, '--timeout=150s'],
        ]);
      // The gateway of before answers what it has until it is gone.
      await eventually('the session by exec', async () => {
        const answered = await pid(client).catch(() => undefined);
        return supervisorProcesses(pod).includes('join --socket') && answered === before;
      });
      expect((await onlyPod()).metadata.uid).toBe(pod.metadata.uid);
      await leave(client);
    },
    LONGEST,
  );
});

describe('the same release, by exec', () => {
  it.runIf(HAS_PARTS)(
    'answers, when the API server is back, what was asked while it was away, and its programs go on',
    async () => {
      // Of the one that has come: a node that still leads to the one before when it loses its API server leads nowhere once that has ended.
      const client = await open(release.gatewayUrl(await onlyGateway()));
      const before = await pid(client);
      const programs = await programsOf();
      await without('kube-apiserver', async () => {
        await sleep(OUTAGE / 2);
        void client.send(requestText('"away"', 'tools/call', { name: 'pid', arguments: {} }));
        await sleep(OUTAGE / 2);
      });
      const { result } = (await client.inbox.answer('"away"', PATIENCE)).message;
      expect(result).toMatchObject({ content: [{ text: before }] });
      await leave(client);
      await renewControllers(release.client);
      // One of the controllers leads again: a server that is asked for now is made.
      await steady('a new server', () =>
        release
          .run({ name: 'after', source: { script: { runtime: 'node', code: CODE } } })
          .catch(() => undefined),
      );
      await release.remove('after');
      expect(await programsOf()).toEqual(programs);
    },
    LONGEST,
  );

  /** How often each of its containers was started. */
  async function programsOf(): Promise<Record<string, readonly (number | undefined)[]>> {
    const pods = await Promise.all(['gateway', 'controller', 'trees'].map((part) => release.pods(part)));
    const starts = ({ status }: ReleasePod) => status.containerStatuses?.map((one) => one.restartCount) ?? [];
    // The gateway of before the upgrade may still be on its way out.
    const present = pods.flat().filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    return Object.fromEntries(present.map((pod) => [pod.metadata.name, starts(pod)]));
  }
});

describe('a release with a certificate', () => {
  const NAMES = ['an authority', 'the next authority'] as const;
  const [authority, next] = NAMES.map((name) => certificate({ name })) as [Authority, Authority];

  /** The Secret as a person or another controller makes and renews it. */
  function present(issuer: Authority): void {
    const { cert, key } = certificate({ name: serviceName(), issuer, usage: 'server' });
    const metadata = { namespace: release.namespace, name: 'shown' };
    const stringData = { 'tls.crt': cert, 'tls.key': key };
    const secret = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, stringData };
    kubectlRemoves(release.namespace, { kind: 'secrets', name: 'shown' });
    run('kubectl', ['apply', '--server-side', '-f', '-'], JSON.stringify(secret));
  }

  const serviceName = (): string => `${release.name}-gateway.${release.namespace}.svc`;

  it(
    'serves its servers over HTTPS, and shows a renewed certificate without a restart',
    async () => {
      present(authority);
      const values = ['gateway.tls.secretName=shown', 'gateway.service.port=443'];
      const set = values.flatMap((value) => ['--set', value]);
      await release.helm('upgrade', CHART, '--reuse-values', ...set, '--wait', '--timeout=150s');
      // The probes go on without TLS.
      const before = await onlyGateway();
      expect(before.status.containerStatuses).toMatchObject([{ ready: true, restartCount: 0 }]);
      const { spec } = read<{ spec: { clusterIP: string } }>(
        ...['service', `${release.name}-gateway`, '-n', release.namespace],
      );
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const target = { host: spec.clusterIP, port: 443, name: serviceName(), key: release.key };
      const kept = { ...target, ca: authority.cert, agent };
      const path = '/servers/slow/mcp';
      const clientInfo = { name: 'test', version: '1' };
      const hello = {
        id: 0,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
      };
      // A node knows a Service's new port, and that the gateway of before is not behind it, a moment later: that one speaks HTTP,
      // and an address that no rule is about leads out of the cluster, to whoever answers there.
      const { status, session } = await steady('an answer through the Service', () =>
        postHttps(kept, path, { message: hello }).catch(() => undefined),
      );
      expect([status, typeof session]).toEqual([200, 'string']);
      const test = attempt('helm', ['test', release.name, '-n', release.namespace, '--logs']);
      expect(`${test.out}${test.err}`).toContain(`https://${serviceName()}/readyz: 200, 200 wanted`);
      expect(test.ok).toBe(true);
      const process = async (id: number): Promise<string | undefined> => {
        const message = { id, method: 'tools/call', params: { name: 'pid', arguments: {} } };
        const { text } = await postHttps(kept, path, { message, session });
        return /"text":"(\d+)"/.exec(text)?.[1];
      };
      const pidOf = await process(1);
      expect(pidOf).toMatch(/^\d+$/);
      await expect(postHttps({ ...target, ca: next.cert }, path, { message: hello })).rejects.toThrow();

      present(next);
      // Kubelet looks at a pod that has changed at once, and at any other within a minute or two.
      const annotate = ['annotate', 'pod', before.metadata.name ?? '', 'berth.dev/test=renewed'];
      run('kubectl', ['-n', release.namespace, ...annotate]);
      await eventually('the renewed certificate', () =>
        postHttps({ ...target, ca: next.cert }, path, { message: hello }).then(
          ({ status }) => status === 200,
          () => false,
        ),
      );
      await expect(postHttps({ ...target, ca: authority.cert }, path, { message: hello })).rejects.toThrow();
      // What was open goes on with the one that it was shown.
      expect(await process(2)).toBe(pidOf);
      agent.destroy();
      const after = await onlyGateway();
      expect(after.metadata.uid).toBe(before.metadata.uid);
      expect(after.status.containerStatuses).toMatchObject([{ ready: true, restartCount: 0 }]);
    },
    LONGEST,
  );
});
