/** The life of a release whose pods run: upgraded and rolled back under its clients, and removed, with what stays on purpose. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectSdk, type SdkClient } from '../support/sdk-clients.ts';
import { type ReleasePod, type RunningRelease, startRelease, steady } from './support/release.ts';
import { attempt, CHART, everything, read, run } from './support/tools.ts';

const START_MS = 300_000;
const CODE = readFileSync(new URL('fixtures/script-server.mjs', import.meta.url), 'utf8');

let release: RunningRelease;
let client: SdkClient;

beforeAll(async () => {
  release = await startRelease({ gateway: { preStopSeconds: 5 } });
  await release.run({
    name: 'steady',
    source: { script: { runtime: 'node', code: CODE } },
    env: { GREETING: 'steady' },
  });
  client = await connectSdk('v1 streamable-http', release.serverUrl('steady'), { key: release.key });
}, START_MS);
afterAll(async () => {
  if (!release) return;
  await client?.close().catch(() => {});
  await release.close();
});

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
    expect(columns).toMatch(/^steady +running +1\/1/);
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

describe('an upgrade and a roll-back', () => {
  it('replace every gateway and roll no server, and its sessions go on', async () => {
    const gateways = uidsOf(await release.pods('gateway'));
    const servers = await release.serverPods('steady');
    // A runner image of another name stands for that of a newer version.
    await helm(
      'upgrade',
      CHART,
      '--reuse-values',
      ...['settings.logLevel=debug', 'images.runner.tag=newer', 'images.supervisor.tag=newer'].flatMap(
        (value) => ['--set', value],
      ),
    );
    expect(await call()).toBe('node steady');
    await steady('the end of all gateways from before', async () => {
      const now = uidsOf(await release.pods('gateway'));
      return now.some((uid) => gateways.includes(uid)) ? undefined : true;
    });
    expect(await call()).toBe('node steady');
    expect((await release.api.get('steady')).status.state).toBe('running');
    expect(uidsOf(await release.serverPods('steady'))).toEqual(uidsOf(servers));

    await helm('rollback', '1');
    expect(await call()).toBe('node steady');
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
