/** A release of the chart whose pods run: installed, used from outside through its Service or one certain gateway, and removed with all it made. */
import { get } from 'node:http';
import { ApiClient as ManagementClient, type ServerAnswer } from '../../../src/cli/client.ts';
import type { ClusterAccess } from '../../../src/cluster/access.ts';
import { ApiClient } from '../../../src/cluster/api-client.ts';
import { loadClusterAccess } from '../../../src/cluster/kube-config.ts';
import { SERVER_LABEL } from '../../../src/cluster/objects/naming.ts';
import { type KubeObject, MCP_SERVERS, PODS } from '../../../src/cluster/resources.ts';
import { toBerthError } from '../../../src/errors.ts';
import type { Address } from './forward.ts';
import { IMAGES, type ImageNames } from './images.ts';
import { ReleaseAddresses } from './release-addresses.ts';
import { goesWithTest } from './tidy.ts';
import { applyDefinition, attempt, CHART, everything, read, run, runBeside, uniqueName } from './tools.ts';

const LOOK_EVERY = 250;
/** A package may have to come from a registry, and the machine may be busy. */
const STEADY_LOOKS = 1_000;
const READY_SECONDS = 150;
const EVENTS = 25;
/** Milliseconds. */
const ONE_TRY = 5_000;

export interface ReleasePod extends KubeObject {
  readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly ready: boolean;
      readonly restartCount: number;
    }[];
  };
}

export interface RunningRelease {
  /** With which the names of its objects begin. */
  readonly name: string;
  readonly namespace: string;
  /** Namespace of the MCPServers and their pods. */
  readonly servers: string;
  /** Through the Service: each connection goes to whichever gateway the cluster chooses. */
  readonly url: string;
  /** Of the chart's administrator. */
  readonly key: string;
  readonly api: ManagementClient;
  readonly access: ClusterAccess;
  /** Of whoever runs the tests. */
  readonly client: ApiClient;
  /** Of one component: `gateway`, `controller`, `trees`. */
  pods(component: string): Promise<ReleasePod[]>;
  /** Of one server, those that end included. */
  serverPods(server: string): Promise<ReleasePod[]>;
  /** Base of one gateway alone, for as long as its pod is there. */
  gatewayUrl(pod: ReleasePod): string;
  /** `…/servers/NAME`, through the Service unless another base is given. */
  serverUrl(server: string, base?: string): string;
  /** Creates a server, which goes with the test that does so, and resolves once it runs. Rejects with what stands in the way. */
  run(spec: { readonly name: string; readonly [member: string]: unknown }): Promise<ServerAnswer>;
  /** Resolves once it is gone, with its pods. */
  remove(server: string): Promise<void>;
  /** helm, with the release's name and namespace added. */
  helm(command: 'upgrade' | 'rollback' | 'uninstall', ...args: readonly string[]): Promise<string>;
  /** Removes all of it. Rejects, when all is removed, with the names of what should not have been left. */
  close(): Promise<void>;
}

/** Values as in values.yaml; later ones win, member by member. */
export type Values = Readonly<Record<string, unknown>>;

export type ReleaseNames = Pick<RunningRelease, 'name' | 'namespace' | 'servers'>;

/** What is installed: the chart and the images under test, unless it is another version of them. */
export interface ReleaseVersion {
  readonly chart: string;
  readonly images: ImageNames;
  /** The dependency that is ours, where the chart is another one that has it; values are still given as ours. */
  readonly dependency?: string;
  /** Values of that other chart itself. */
  readonly parentValues?: Values;
}

/** Resolves when its pods are ready. */
export async function startRelease(
  values: Values | ((names: ReleaseNames) => Values) = {},
  { chart, images, dependency, parentValues }: ReleaseVersion = { chart: CHART, images: IMAGES },
): Promise<RunningRelease> {
  applyDefinition();
  const release = uniqueName();
  const name = dependency === undefined ? release : `${release}-${dependency}`;
  const [namespace, servers] = [`${release}-mcp`, `${name}-servers`];
  const given = typeof values === 'function' ? values({ name, namespace, servers }) : values;
  const access = await loadClusterAccess();
  const client = new ApiClient({ access });
  const addresses = new ReleaseAddresses();
  const cleanUp = async (): Promise<readonly string[]> => {
    await addresses.close();
    client.close();
    return removeRelease(release, namespace, servers);
  };
  try {
    await addresses.open();
    const ours = merge(baseValues(addresses.hosts, images), given);
    const all = dependency === undefined ? ours : { ...parentValues, [dependency]: ours };
    const args = ['install', release, chart, '-n', namespace, '--create-namespace', '-f', '-'];
    await runBeside('helm', args, JSON.stringify(all));
    await Promise.all(['controller', 'trees', 'gateway'].map((part) => rolledOut(name, namespace, part)));
    addresses.service = serviceAddress(`${name}-gateway`, namespace);
    // A node knows the pods behind a Service a moment later than they are ready. A connection of before then leads nowhere for
    // minutes, or out of the cluster to whoever answers there: each try has its own.
    await steady('an answer through the Service', () => isServed(`${addresses.url}/livez`));
  } catch (cause) {
    const told = describe(namespace);
    await cleanUp();
    throw new Error(`the release did not come up: ${told}`, { cause });
  }
  const secret = read<{ data: Record<string, string> }>('secret', `${name}-api-keys`, '-n', namespace);
  const key = Buffer.from(secret.data['admin-key'] ?? '', 'base64').toString();
  const url = addresses.url;
  const api = new ManagementClient({ url, key, fetch });
  const pods = (where: string, labelSelector: string): Promise<ReleasePod[]> =>
    client
      .list<ReleasePod>(PODS, { namespace: where, labelSelector })
      .then(({ items }) => items as ReleasePod[]);
  const serverPods = (server: string) =>
    pods(servers, `app.kubernetes.io/component=mcp-server,${SERVER_LABEL}=${server}`);
  return {
    name,
    namespace,
    servers,
    url,
    key,
    api,
    access,
    client,
    pods: (component) =>
      pods(namespace, `app.kubernetes.io/instance=${name},app.kubernetes.io/component=${component}`),
    serverPods,
    gatewayUrl: ({ metadata, status: { podIP } }) => {
      if (podIP === undefined) throw new Error(`${metadata.name} has no address yet`);
      return addresses.urlOf(podIP);
    },
    serverUrl: (server, base = url) => `${base}/servers/${server}`,
    run: async (spec) => {
      goesWithTest(client, MCP_SERVERS, { namespace: servers, names: [spec.name] });
      await api.create(spec);
      try {
        return await steady(`${spec.name} runs`, async () => {
          // The gateway that is asked may not have seen yet what another one has made.
          const answer = await api.get(spec.name).catch((thrown: unknown) => {
            if (toBerthError(thrown).code !== 'not-found') throw thrown;
          });
          if (!answer) return undefined;
          if (answer.status.state === 'failed') throw new Error(JSON.stringify(answer.status));
          return answer.status.state === 'running' ? answer : undefined;
        });
      } catch (cause) {
        throw new Error(`${spec.name} does not run: ${describe(servers)}`, { cause });
      }
    },
    remove: async (server) => {
      await api.remove(server, false);
      await steady(`${server} is gone`, async () =>
        (await serverPods(server)).length === 0 ? true : undefined,
      );
    },
    helm: (command, ...args) => runBeside('helm', [command, release, ...args, '-n', namespace]),
    close: async () => {
      const left = await cleanUp();
      if (left.length > 0) throw new Error(`${name} left behind: ${left.join(', ')}`);
    },
  };
}

function isServed(url: string): Promise<true | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: ONE_TRY }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? true : undefined);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

/** Looks until there is something, a bounded number of times. */
export async function steady<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let at = 0; at < STEADY_LOOKS; at++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
  throw new Error(`never came: ${what}`);
}

function serviceAddress(name: string, namespace: string): Address {
  const { spec } = read<{ spec: { clusterIP: string; ports: { port: number }[] } }>(
    ...['service', name, '-n', namespace],
  );
  return { host: spec.clusterIP, port: spec.ports[0]?.port ?? 0 };
}

async function rolledOut(name: string, namespace: string, part: string): Promise<void> {
  const args = ['rollout', 'status', `deployment/${name}-${part}`, `--timeout=${READY_SECONDS}s`];
  await runBeside('kubectl', ['-n', namespace, ...args]);
}

/** What somebody who reads a failure wants to know next. */
function describe(namespace: string): string {
  const ask = (...args: string[]): string => attempt('kubectl', ['-n', namespace, 'get', ...args]).out;
  const events = ask('events', '--sort-by=.lastTimestamp').trimEnd().split('\n').slice(-EVENTS);
  return [ask('pods,jobs,deployments', '-o', 'wide'), ...events].join('\n');
}

/** Names of what is left of the release beside what stays on purpose. Removes everything in any case. */
function removeRelease(name: string, namespace: string, servers: string): string[] {
  attempt('kubectl', ['delete', 'mcps', '--all', '-n', servers, '--timeout=60s']);
  attempt('kubectl', ['wait', '--for=delete', 'pods', '--all', '-n', servers, '--timeout=60s']);
  attempt('helm', ['uninstall', name, '-n', namespace, '--wait', '--timeout=90s']);
  attempt('kubectl', ['wait', '--for=delete', 'pods', '--all', '-n', namespace, '--timeout=90s']);
  const kept = [`namespace/${namespace}`, `namespace/${servers}`];
  const left = everything([namespace, servers]).filter((one) => one.includes(name) && !kept.includes(one));
  run('kubectl', ['delete', 'namespace', '--ignore-not-found', namespace, servers]);
  return left;
}

/** An image as the values have it. */
export function imageValues(name: string): Values {
  const [, repository, tag] = /^(.*):([\w.-]+)$/.exec(name) ?? [];
  return { repository, tag };
}

/** All three, as the values have them. */
export function imagesValues({ gateway, runner, supervisor }: ImageNames): Values {
  return {
    gateway: imageValues(gateway),
    runner: imageValues(runner),
    supervisor: imageValues(supervisor),
  };
}

/** Small enough for any cluster, and quick to go away. */
function baseValues(allowedHosts: readonly string[], images: ImageNames): Values {
  const small = { requests: { cpu: '10m', memory: '64Mi' } };
  return {
    crds: { install: false },
    images: imagesValues(images),
    settings: { allowedHosts },
    gateway: { preStopSeconds: 1, resources: small },
    controller: { resources: small },
    trees: { resources: small },
    servers: {
      defaults: { resources: { ...small, limits: { cpu: '2', memory: '512Mi' } }, drainSeconds: 5 },
      supervisor: { resources: small },
      installer: { resources: small },
    },
  };
}

function merge(base: Values, over: Values): Values {
  const isMap = (one: unknown): one is Values =>
    typeof one === 'object' && one !== null && !Array.isArray(one);
  const merged = Object.entries(over).map(([name, value]) => {
    const before = base[name];
    return [name, isMap(before) && isMap(value) ? merge(before, value) : value];
  });
  return { ...base, ...Object.fromEntries(merged) };
}
