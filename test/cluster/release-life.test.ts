/**
 * The life of a release whose pods run: beside other ones, one of them inside another chart, upgraded and rolled back under its clients,
 * and removed, with what stays on purpose.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSdk, type SdkClient } from '../support/sdk-clients.ts';
import { IMAGES, imagesOf as imagesByName } from './support/images.ts';
import { type ReleasePod, type RunningRelease, startRelease, steady } from './support/release.ts';
import { attempt, CHART, everything, read, run } from './support/tools.ts';
import { openUmbrella, type Umbrella } from './support/umbrella.ts';

const START_MS = 300_000;
const LESS = { gateway: { replicas: 1 }, controller: { replicas: 1 } };
/** Of the images under test, in full: names without a registry are there too. */
const SLASH = IMAGES.gateway.lastIndexOf('/');
const REGISTRY = SLASH < 0 ? 'docker.io/library' : IMAGES.gateway.slice(0, SLASH);
const CODE = readFileSync(new URL('fixtures/script-server.mjs', import.meta.url), 'utf8');

let release: RunningRelease;
let client: SdkClient;

beforeAll(async () => {
  release = await startRelease({
    gateway: { preStopSeconds: 5 },
    servers: { items: { kept: declared('kept'), going: declared('going') } },
  });
  await release.run(serverOf('steady', 'steady'));
  client = await connectSdk('v1 streamable-http', release.serverUrl('steady'), { key: release.key });
}, START_MS);
afterAll(async () => {
  if (!release) return;
  await client?.close().catch(() => {});
  await release.close();
});

function serverOf(name: string, greeting: string) {
  return { name, source: { script: { runtime: 'node', code: CODE } }, env: { GREETING: greeting } };
}
/** A server among the values, without pods: here it is looked at, not called. */
function declared(greeting: string) {
  const { name: _, env, source } = serverOf(greeting, greeting);
  return { source, env: Object.entries(env).map(([name, value]) => ({ name, value })), suspend: true };
}
interface Declared {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly replicas?: number };
}
/** MCPServers that the values have made, with the replicas that they are given. */
function declaredNow(): Record<string, number | undefined> {
  const label = `berth.dev/declared-by=${release.name}`;
  const { items } = read<{ items: readonly Declared[] }>('mcps', '-n', release.servers, '-l', label);
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.replicas]));
}
const uidsOf = (pods: readonly ReleasePod[]): (string | undefined)[] =>
  pods.map(({ metadata }) => metadata.uid).sort();
const imagesOf = (pods: readonly ReleasePod[]): string[] => [
  ...new Set(pods.flatMap(({ spec }) => spec.containers.map(({ image }) => image))),
];
const call = (): Promise<string> => client.callTool('where', {});
const helm = (command: 'upgrade' | 'rollback' | 'uninstall', ...args: string[]): Promise<string> =>
  release.helm(command, ...args, '--wait', '--timeout=150s');

describe('an installed release', () => {
  it('has all its pods ready, none of them started twice', async () => {
    for (const [component, count] of [
      ['gateway', 2],
      ['controller', 2],
      ['trees', 1],
    ] as const) {
      const pods = await release.pods(component);
      expect(pods).toHaveLength(count);
      const statuses = pods.flatMap(({ status }) => status.containerStatuses ?? []);
      expect(statuses.map(({ ready, restartCount }) => ({ ready, restartCount }))).toEqual(
        Array.from({ length: count }, () => ({ ready: true, restartCount: 0 })),
      );
    }
  });

  it('passes its own test', () => {
    const { ok, out, err } = attempt('helm', ['test', release.name, '-n', release.namespace, '--logs']);
    expect(`${out}${err}`).toMatch(/\/readyz: 200, 200 wanted/);
    expect(ok).toBe(true);
  });

  it('gives URLs that lead to its Service', async () => {
    const { status } = await release.api.get('steady');
    expect(status.endpoints[0]?.url).toBe(
      `http://${release.name}-gateway.${release.namespace}.svc/servers/steady/mcp`,
    );
    const columns = run('kubectl', ['-n', release.servers, 'get', 'mcps', '--no-headers']);
    expect(columns).toMatch(/^steady +running +1\/1/m);
  });

  it('serves each session from any of its gateways', async () => {
    for (const pod of await release.pods('gateway')) {
      const url = release.serverUrl('steady', release.gatewayUrl(pod));
      const one = await connectSdk('v1 streamable-http', url, { key: release.key });
      expect(await one.callTool('where', {})).toBe('node steady');
      await one.close();
    }
  });
});

describe('further releases of the cluster', () => {
  let beside: RunningRelease;
  let inside: RunningRelease;
  let umbrella: Umbrella;
  let before: object;

  beforeAll(async () => {
    before = await pods();
    umbrella = openUmbrella();
    const parent = {
      ...{
        chart: umbrella.folder,
        dependency: umbrella.key,
        images: imagesByName(IMAGES.gateway.slice(SLASH + 1)),
      },
      parentValues: { global: { imageRegistry: REGISTRY, anything: 'else' } },
    };
    [beside, inside] = await Promise.all([startRelease(LESS), startRelease(LESS, parent)]);
    await Promise.all([
      beside.run(serverOf('steady', 'beside')),
      beside.run(serverOf('other', 'other')),
      inside.run(serverOf('steady', 'inside')),
    ]);
  }, START_MS);
  afterAll(async () => {
    await Promise.all([beside?.close(), inside?.close()]);
    umbrella?.close();
  });

  it('serve what their own API made, at URLs of their own', async () => {
    expect(await ask(beside, 'steady')).toBe('node beside');
    expect(await ask(beside, 'other')).toBe('node other');
    expect(await ask(inside, 'steady')).toBe('node inside');
    expect(await ask(release, 'steady')).toBe('node steady');
  });

  it("are there under the names of the other chart's release, with images of the registry of all its charts", async () => {
    const { items } = read('deployments', '-n', inside.namespace);
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(
      ['controller', 'gateway', 'trees'].map((part) => `${inside.name}-${part}`),
    );
    expect(inside.name).toMatch(/^bt-[0-9a-f]{8}-berth$/);
    const all = [...(await inside.pods('gateway')), ...(await inside.serverPods('steady'))];
    expect(all).toHaveLength(2);
    for (const image of imagesOf(all)) expect(image.startsWith(`${REGISTRY}/`)).toBe(true);
  });

  it('see no server of each other', async () => {
    const names = async (one: RunningRelease) => (await one.api.list()).map(({ name }) => name).sort();
    expect(await names(release)).toEqual(['going', 'kept', 'steady']);
    expect(await names(beside)).toEqual(['other', 'steady']);
    expect(await names(inside)).toEqual(['steady']);
    for (const one of [release, inside]) {
      await expect(one.api.get('other')).rejects.toMatchObject({ code: 'not-found' });
      expect(await statusOf(one, 'other', one.key)).toBe(404);
    }
    expect(await statusOf(beside, 'other', release.key)).toBe(401);
    expect(await statusOf(release, 'steady', beside.key)).toBe(401);
  });

  it('have accounts and policies of their own', () => {
    const may = ({ name, namespace }: RunningRelease, { servers }: RunningRelease): string => {
      const account = `system:serviceaccount:${namespace}:${name}-gateway`;
      const asked = ['auth', 'can-i', 'list', 'mcps', '-n', servers, `--as=${account}`];
      return attempt('kubectl', asked).out.trim();
    };
    const policies = read('validatingadmissionpolicies').items.map(({ metadata }) => metadata.name);
    const all = [release, beside, inside];
    for (const one of all) {
      const own = policies.filter((policy) => policy.startsWith(`${one.namespace}-${one.name}-`));
      expect(own).toHaveLength(12);
      expect(all.map((another) => may(one, another))).toEqual(
        all.map((another) => (another === one ? 'yes' : 'no')),
      );
    }
  });

  it('leave the first one as it was, while they are there and when they go', async () => {
    expect(await call()).toBe('node steady');
    expect(await pods()).toEqual(before);
    await Promise.all([beside.helm('uninstall', '--wait'), inside.helm('uninstall', '--wait')]);
    expect(attempt('kubectl', ['get', 'crd', 'mcpservers.berth.dev']).ok).toBe(true);
    expect(await call()).toBe('node steady');
    expect(await pods()).toEqual(before);
    await release.run(serverOf('later', 'later'));
    expect(await ask(release, 'later')).toBe('node later');
    await release.remove('later');
  });

  /** Of the first release: which they are, and how often each has been started. */
  async function pods(): Promise<object> {
    const all = [...(await release.pods('gateway')), ...(await release.pods('controller'))];
    all.push(...(await release.pods('trees')), ...(await release.serverPods('steady')));
    const starts = ({ status }: ReleasePod) => status.containerStatuses?.map((one) => one.restartCount);
    return Object.fromEntries(all.map((pod) => [pod.metadata.uid, starts(pod)]));
  }

  async function ask(of: RunningRelease, server: string): Promise<string> {
    const one = await connectSdk('v1 streamable-http', of.serverUrl(server), { key: of.key });
    try {
      return await one.callTool('where', {});
    } finally {
      await one.close();
    }
  }

  async function statusOf(of: RunningRelease, server: string, key: string): Promise<number> {
    const headers = {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    return (await fetch(`${of.serverUrl(server)}/mcp`, { method: 'POST', headers, body })).status;
  }
});

describe('an upgrade and a roll-back', () => {
  it('replace every gateway and roll no server, and its sessions go on', async () => {
    const gateways = uidsOf(await release.pods('gateway'));
    const servers = await release.serverPods('steady');
    await steady('the servers of the values', async () =>
      Object.keys(declaredNow()).length === 2 ? true : undefined,
    );
    run('kubectl', ['-n', release.servers, 'scale', 'mcps/kept', '--replicas=3']);
    // A runner image of another name stands for that of a newer version.
    await helm(
      'upgrade',
      CHART,
      '--reuse-values',
      ...['settings.logLevel=debug', 'images.runner.tag=newer', 'images.supervisor.tag=newer'].flatMap(
        (value) => ['--set', value],
      ),
      ...[
        '--set',
        'servers.items.going.enabled=false',
        '--set-json',
        `servers.items.coming=${JSON.stringify(declared('coming'))}`,
      ],
    );
    expect(await call()).toBe('node steady');
    await steady('the servers of the new values', async () => ('going' in declaredNow() ? undefined : true));
    // What somebody has scaled stays as it is.
    expect(declaredNow()).toEqual({ kept: 3, coming: expect.any(Number) });
    await steady('the end of all gateways from before', async () => {
      const now = uidsOf(await release.pods('gateway'));
      return now.some((uid) => gateways.includes(uid)) ? undefined : true;
    });
    expect(await call()).toBe('node steady');
    expect((await release.api.get('steady')).status.state).toBe('running');
    expect(uidsOf(await release.serverPods('steady'))).toEqual(uidsOf(servers));

    await helm('rollback', '1');
    expect(await call()).toBe('node steady');
    await steady('the servers of the values before', async () =>
      'coming' in declaredNow() ? undefined : true,
    );
    expect(declaredNow()).toEqual({ kept: 3, going: expect.any(Number) });
    expect(uidsOf(await release.serverPods('steady'))).toEqual(uidsOf(servers));
    expect(imagesOf(await release.serverPods('steady'))).toEqual(imagesOf(servers));
  }, 400_000);
});

describe('an uninstalled release', () => {
  it('leaves the definition, the namespace of the servers and servers that the API made, with their pods', async () => {
    const pods = uidsOf(await release.serverPods('steady'));
    await helm('uninstall');
    await steady('the end of its pods', async () =>
      read('pods', '-n', release.namespace).items.length === 0 ? true : undefined,
    );
    await steady('the end of the servers that the values made', async () =>
      Object.keys(declaredNow()).length === 0 ? true : undefined,
    );
    const left = everything([release.namespace, release.servers]).filter((one) => one.includes(release.name));
    expect(left.filter((one) => !one.includes('mcp-steady'))).toEqual(
      [
        `namespace/${release.namespace}`,
        `namespace/${release.servers}`,
        `${release.servers}: mcpserver.berth.dev/steady`,
      ].sort(),
    );
    expect(uidsOf(await release.serverPods('steady'))).toEqual(pods);
    expect(attempt('kubectl', ['get', 'crd', 'mcpservers.berth.dev']).ok).toBe(true);
  });
});
