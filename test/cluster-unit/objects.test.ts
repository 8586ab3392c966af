import { describe, expect, it } from 'vitest';
import type { Persistence } from '../../src/cluster/mcp-server.ts';
import { disruptionBudget, secretsOf, serviceAccount } from '../../src/cluster/objects/account.ts';
import type { Blueprint, Program } from '../../src/cluster/objects/blueprint.ts';
import { claim } from '../../src/cluster/objects/claim.ts';
import { generationOf, installSecret, linkSecret } from '../../src/cluster/objects/config-secret.ts';
import { type Deployment, deployment } from '../../src/cluster/objects/deployment.ts';
import { installerJob } from '../../src/cluster/objects/installer-job.ts';
import { installName } from '../../src/cluster/objects/naming.ts';
import { installerPolicy, networkPolicy } from '../../src/cluster/objects/network-policy.ts';
import { LINK_PORT } from '../../src/cluster/objects/places.ts';
import type { Container } from '../../src/cluster/objects/pod-types.ts';
import { blueprint, programs, settings, tree } from '../support/blueprints.ts';
import { restrictedFaults } from '../support/restricted.ts';

const KINDS = Object.entries(programs);
const owner = blueprint(programs.package!).owner;
const install = {
  owner,
  source: { ecosystem: 'npm', name: '@modelcontextprotocol/server-everything' } as const,
  input: 'abcd1234',
  attempt: 0,
};
const overNetwork = { ...settings, linkPort: LINK_PORT };
const deploymentOf = (given: Blueprint, by = settings): Deployment =>
  deployment({ blueprint: given, settings: by, generation: generationOf(given, by).name, annotations: {} });
const containersOf = ({ spec }: Deployment): Container[] => [
  ...(spec.template.spec.initContainers ?? []),
  ...spec.template.spec.containers,
];
const golden = (name: string, object: object): Promise<void> =>
  expect(`${JSON.stringify(object, null, 2)}\n`).toMatchFileSnapshot(
    `golden/${name.replaceAll(' ', '-')}.json`,
  );

describe('the children of a server', () => {
  it.each(KINDS)('of kind %s are as written down', async (name, program) => {
    const given = blueprint(program);
    await golden(`deployment-${name}`, deploymentOf(given));
    const { secret } = generationOf(given, settings);
    const text = Buffer.from(secret.data['supervisor.json']!, 'base64').toString();
    await golden(`supervisor-${name}`, { ...secret, data: { 'supervisor.json': JSON.parse(text) } });
  });

  it('where links go over the network are as written down', async () => {
    const given = blueprint(programs.package!);
    const { name, secret } = generationOf(given, overNetwork);
    const made = deployment({ blueprint: given, settings: overNetwork, generation: name, annotations: {} });
    await golden('network-deployment', made);
    const text = Buffer.from(secret.data['supervisor.json']!, 'base64').toString();
    await golden('network-supervisor', { ...secret, data: { 'supervisor.json': JSON.parse(text) } });
    await golden('network-policy', networkPolicy(given, overNetwork));
    await golden('network-secret', linkSecret(owner, { 'tls.crt': 'a', 'tls.key': 'b', 'ca.crt': 'c' }));
  });

  it('that do not depend on its kind are as written down', async () => {
    await golden('service-account', serviceAccount(owner, ['mcp-demo-b', 'mcp-demo-a']));
    await golden('disruption-budget', disruptionBudget(owner));
    await golden('installer-job', installerJob(install, settings));
    await golden('installer-policy', installerPolicy({ owner }, settings));
    await golden('installer-secret', installSecret(owner, 'mcp-demo-install-x', 'one-time'));
  });

  it('with a folder that stays are as written down', async () => {
    const persistence = { size: '5Gi', storageClass: 'fast', annotations: { backup: 'daily' } };
    const given = blueprint(programs.package!, { replicas: 1, persistence });
    await golden('kept-deployment', deploymentOf(given));
    await golden('kept-claim', claim(owner, persistence));
    const image = blueprint(programs['http image']!, {
      persistence: {
        existingClaim: 'theirs',
        subPath: 'a/b',
        accessMode: 'ReadOnlyMany',
        mountPath: '/srv/',
      },
    });
    await golden('kept-http-image', deploymentOf(image));
  });

  it('that need other servers reach the gateway', async () => {
    const network = { egress: 'none', allow: [] } as const;
    const given = blueprint(programs['stdio image']!, { network, callsServers: true });
    await golden('policy-calls-servers', networkPolicy(given, settings));
  });

  it.each([
    ['none', 'package', { egress: 'none', allow: [] }],
    ['none, nothing to fetch', 'stdio image', { egress: 'none', allow: [] }],
    ['public', 'package', { egress: 'public', allow: [] }],
    [
      'allow',
      'remote',
      { egress: 'allow', allow: [{ cidr: '10.1.0.0/16', ports: [443] }, { cidr: '10.2.0.0/16' }] },
    ],
  ] as const)('reach what egress %s says', async (name, kind, network) => {
    await golden(
      `policy-${name.replace(/\W+/g, '-')}`,
      networkPolicy(blueprint(programs[kind]!, { network }), settings),
    );
  });
});

describe('variables from ConfigMaps', () => {
  const configMaps = [{ name: 'GREETING', configMapKeyRef: { name: 'words', key: 'greeting' } }];

  it('are read from files by the supervisor of a program that it starts, beside its secrets', () => {
    const secrets = [{ name: 'KEY', secretKeyRef: { name: 'vendor', key: 'token' } }];
    const given = blueprint(programs.package!, { configMaps, secrets });
    const { volumes } = deploymentOf(given).spec.template.spec;
    expect(volumes.find(({ name }) => name === 'secrets')?.projected?.sources).toEqual([
      { secret: { name: 'vendor', items: [{ key: 'token', path: 'KEY' }] } },
      { configMap: { name: 'words', items: [{ key: 'greeting', path: 'GREETING' }] } },
    ]);
    const { secret } = generationOf(given, settings);
    const [server] = JSON.parse(Buffer.from(secret.data['supervisor.json']!, 'base64').toString()).servers;
    expect(server).toMatchObject({
      secretFiles: { KEY: expect.stringMatching(/\/KEY$/) },
      valueFiles: { GREETING: expect.stringMatching(/\/GREETING$/) },
    });
  });

  it('are given by Kubernetes to an image that has a container of its own', () => {
    const given = blueprint(programs['http image']!, { configMaps });
    const workload = containersOf(deploymentOf(given)).find(({ name }) => name === 'workload');
    const [{ configMapKeyRef } = {}] = configMaps;
    expect(workload?.env).toContainEqual({ name: 'GREETING', valueFrom: { configMapKeyRef } });
    expect(deploymentOf(given).spec.template.spec.volumes.map(({ name }) => name)).not.toContain('secrets');
  });
});

describe('every pod', () => {
  it.each(KINDS)('of kind %s keeps the restricted profile', (_name, program) => {
    expect(restrictedFaults(deploymentOf(blueprint(program)).spec.template.spec)).toEqual([]);
  });

  it('of an installer keeps it too, and sees no secret of the server', () => {
    const { spec } = installerJob(install, settings).spec.template;
    expect(restrictedFaults(spec)).toEqual([]);
    expect(JSON.stringify(spec)).not.toMatch(/vendor|API_KEY/);
  });

  it.each(KINDS)('of kind %s mounts only folders that it has', (_name, program) => {
    const made = deploymentOf(blueprint(program));
    const volumes = made.spec.template.spec.volumes.map(({ name }) => name);
    const mounted = containersOf(made).flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name));
    expect(new Set(mounted)).toEqual(new Set(volumes));
  });

  it.each(KINDS)(
    'of kind %s shows link, certificates, configuration and secrets to the supervisor only',
    (_name, program) => {
      const made = deploymentOf(blueprint(program), overNetwork);
      expect(JSON.stringify(made)).toContain('mcp-demo-link');
      expect(restrictedFaults(made.spec.template.spec)).toEqual([]);
      for (const { name, ports, volumeMounts } of containersOf(made)) {
        const seen = volumeMounts
          .map((mount) => mount.name)
          .filter((one) => ['link', 'certificates', 'config', 'secrets', 'state', 'status'].includes(one));
        if (name !== 'supervisor') expect([seen, ports]).toEqual([[], undefined]);
      }
    },
  );

  it.each(KINDS)(
    'of kind %s waits for no container to end before it starts, unless its image lacks ours',
    (name, program) => {
      const { initContainers = [], containers } = deploymentOf(blueprint(program)).spec.template.spec;
      // Native sidecars start and stay.
      const ends = initContainers.filter(({ restartPolicy }) => restartPolicy !== 'Always');
      expect(ends.map((one) => one.name)).toEqual(name === 'stdio image' ? ['helper'] : []);
      const workload = containers.find((one) => one.name === 'workload');
      const folder = name === 'stdio image' ? '/berth/helper' : '/berth/bin';
      if (workload) expect(workload.command?.[0]).toBe(`${folder}/berth-spawn`);
    },
  );

  it('of a package lets its supervisor alone write the tree', () => {
    const { containers } = deploymentOf(blueprint(programs.package!)).spec.template.spec;
    const mounts = containers.map(({ name, volumeMounts }) => [
      name,
      volumeMounts.find((mount) => mount.name === 'tree')?.readOnly ?? false,
    ]);
    expect(mounts).toEqual([
      ['supervisor', false],
      ['workload', true],
    ]);
  });

  it('is the check that would find a fault', () => {
    const { spec } = deploymentOf(blueprint(programs.package!)).spec.template;
    const [first] = spec.containers;
    const bad = { ...first, securityContext: { ...first!.securityContext, runAsNonRoot: false } };
    expect(restrictedFaults({ ...spec, containers: [bad] })).toEqual([
      'container supervisor may run as root',
    ]);
    expect(restrictedFaults({ ...spec, hostNetwork: true, volumes: [{ name: 'x', hostPath: {} }] })).toEqual([
      'hostNetwork is set',
      'volume x is a hostPath',
    ]);
  });
});

describe('a generation', () => {
  it('has one name for one configuration', () => {
    const given = blueprint(programs.package!);
    expect(generationOf(given, settings).name).toBe(
      generationOf({ ...given, replicas: 5, network: { egress: 'none', allow: [] } }, settings).name,
    );
    expect(generationOf(given, settings).name).not.toBe(
      generationOf({ ...given, args: ['--other'] }, settings).name,
    );
    const other = {
      kind: 'package',
      tree: { ...tree, launch: { ...tree.launch, args: ['/berth/tree/other.js'] } },
    } as const;
    expect(generationOf(given, settings).name).not.toBe(
      generationOf({ ...given, program: other }, settings).name,
    );
  });

  it('holds no value of a secret, and its variables win over those of the package', () => {
    const given = blueprint(programs.package!, {
      env: [{ name: 'LANG', value: 'de_DE.UTF-8' }],
      homeFiles: { STORE: 'store.json' },
    });
    const { data } = generationOf(given, settings).secret;
    const [server] = JSON.parse(Buffer.from(data['supervisor.json']!, 'base64').toString()).servers;
    expect(server.launch.env).toMatchObject({
      LANG: 'de_DE.UTF-8',
      STORE: '/home/mcp/store.json',
      HOME: '/home/mcp',
    });
    expect(server.secretFiles).toEqual({ API_KEY: '/etc/berth/secrets/API_KEY' });
  });
});

describe('metrics', () => {
  const from = [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }];
  const scraped = { ...settings, metrics: { from } };
  const portsOf = (given: ReturnType<typeof blueprint>, by: typeof settings) =>
    containersOf(made(given, by)).flatMap(({ name, ports = [] }) => ports.map((port) => [name, port]));
  const made = (given: ReturnType<typeof blueprint>, by: typeof settings) =>
    deployment({ blueprint: given, settings: by, generation: generationOf(given, by).name, annotations: {} });
  const configOf = (given: ReturnType<typeof blueprint>, by: typeof settings): { metricsPort?: number } =>
    JSON.parse(
      Buffer.from(generationOf(given, by).secret.data['supervisor.json'] ?? '', 'base64').toString(),
    );

  it.each(KINDS)(
    'of kind %s: nothing listens and nothing comes in unless they are wanted',
    (_name, program) => {
      const given = blueprint(program);
      expect(portsOf(given, settings)).toEqual([]);
      expect(networkPolicy(given, settings).spec.ingress).toEqual([]);
      expect(configOf(given, settings).metricsPort).toBeUndefined();
    },
  );

  it.each(KINDS)('of kind %s: one port of the supervisor, for those who may scrape', (_name, program) => {
    const given = blueprint(program);
    expect(portsOf(given, scraped)).toEqual([['supervisor', { name: 'metrics', containerPort: 9_090 }]]);
    expect(networkPolicy(given, scraped).spec.ingress).toEqual([
      { from, ports: [{ protocol: 'TCP', port: 9_090 }] },
    ]);
    expect(configOf(given, scraped).metricsPort).toBe(9_090);
  });

  it('come from everywhere in the cluster where nobody is named', () => {
    const [rule] = networkPolicy(blueprint(programs.package!), { ...settings, metrics: { from: [] } }).spec
      .ingress;
    expect(rule?.from).toEqual([{ namespaceSelector: {} }]);
  });

  it('are not there where the server itself has the port', () => {
    const given = blueprint({ ...programs['http image']!, port: 9_090 } as Program);
    expect(portsOf(given, scraped)).toEqual([]);
    expect(networkPolicy(given, scraped).spec.ingress).toEqual([]);
    expect(configOf(given, scraped).metricsPort).toBeUndefined();
  });
});

describe('names', () => {
  it('of installers fit a Job, and differ by server, input and attempt', () => {
    const long = { ...owner, name: 'a'.repeat(52) };
    expect(installName(long, 'abcd1234', 12).length).toBeLessThanOrEqual(63);
    const names = [
      installName(long, 'abcd1234', 0),
      installName({ ...long, uid: 'other' }, 'abcd1234', 0),
      installName(long, 'abcd1235', 0),
      installName(long, 'abcd1234', 1),
    ];
    expect(new Set(names).size).toBe(4);
  });

  it('of Secrets are read back from the ledger', () => {
    expect(secretsOf(serviceAccount(owner, ['b', 'a']))).toEqual(['a', 'b']);
    expect(secretsOf(undefined)).toEqual([]);
  });
});

describe('a folder that stays', () => {
  const kept = (persistence: Persistence, kind = 'package', more: Partial<Blueprint> = {}) =>
    deploymentOf(blueprint(programs[kind]!, { persistence, ...more })).spec.template.spec;

  it.each(['package', 'inline script', 'stdio image', 'http image'])(
    'keeps the restricted profile, is the workload’s alone, and is of the group of the pod: %s',
    (kind) => {
      const spec = kept({}, kind);
      expect(restrictedFaults(spec)).toEqual([]);
      expect(spec.securityContext.fsGroup).toBe(10_003);
      const all = [...(spec.initContainers ?? []), ...spec.containers];
      const having = all.filter(({ volumeMounts }) => volumeMounts.some(({ name }) => name === 'data'));
      expect(having.map(({ name }) => name)).toEqual(['workload']);
    },
  );

  it('can be the home of the processes, which then goes with no pod', () => {
    const { volumes, containers } = kept({ mountPath: '/home/mcp/' });
    expect(volumes.map(({ name }) => name)).not.toContain('home');
    const mounts = containers.flatMap(({ volumeMounts }) => volumeMounts);
    expect(mounts.filter(({ mountPath }) => mountPath === '/home/mcp').map(({ name }) => name)).toEqual([
      'data',
    ]);
  });

  it('holds the files that a template keeps in the home, unless it can only be read', () => {
    const fileOf = (persistence?: Persistence): unknown => {
      const homeFiles = { STORE: 'store.json' };
      const given = blueprint(programs.package!, { homeFiles, ...(persistence && { persistence }) });
      const { data } = generationOf(given, settings).secret;
      return JSON.parse(Buffer.from(data['supervisor.json']!, 'base64').toString()).servers[0].launch.env
        .STORE;
    };
    expect(fileOf()).toBe('/home/mcp/store.json');
    expect(fileOf({})).toBe('/data/store.json');
    expect(fileOf({ mountPath: '/notes/' })).toBe('/notes/store.json');
    expect(fileOf({ existingClaim: 'a', accessMode: 'ReadOnlyMany' })).toBe('/home/mcp/store.json');
  });

  it('keeps a new version beside the one before, beside what else is asked of its place', () => {
    const nodes = { nodeAffinity: { x: 1 } };
    const friend = { topologyKey: 'zone' };
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [friend] };
    const placement = { nodeSelector: { pool: 'a' }, affinity: { ...nodes, podAffinity } };
    const spec = kept({}, 'package', { placement });
    expect(spec.nodeSelector).toEqual({ pool: 'a' });
    expect(spec.affinity).toMatchObject(nodes);
    expect(spec.affinity?.podAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: [
        friend,
        expect.objectContaining({ topologyKey: 'kubernetes.io/hostname' }),
      ],
    });
    // One that several nodes can have binds nobody.
    expect(kept({ accessMode: 'ReadWriteMany' }).affinity).toBeUndefined();
  });

  it.each(['/', '/tmp', '/etc/berth', '/run/berth/x', '/proc', '/home'])('is not at %s', (mountPath) => {
    expect(() => kept({ mountPath })).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });

  it('is not one of the writable folders of the image as well', () => {
    expect(() => kept({ mountPath: '/var/cache' }, 'stdio image')).toThrow(/writablePaths already/);
    expect(() => kept({ mountPath: '/var/cache/x' }, 'stdio image')).not.toThrow();
  });
});

it('an image is pulled as it says, or as the release does', () => {
  const policies = (kind: string, pullPolicy?: 'Always'): string[] => {
    const program = programs[kind] as Extract<Program, { kind: 'image' | 'sidecar' }>;
    const image = { ...program.image, ...(pullPolicy && { pullPolicy }) };
    const made = deploymentOf(blueprint({ ...program, image } as Program));
    return containersOf(made)
      .filter(({ name }) => name === 'workload')
      .map(({ imagePullPolicy }) => imagePullPolicy);
  };
  for (const kind of ['stdio image', 'http image', 'archon']) {
    expect(policies(kind)).toEqual(['IfNotPresent']);
    expect(policies(kind, 'Always')).toEqual(['Always']);
  }
});

it.each(['/', '/berth', '/etc', '/run/berth/link', '/home', '/tmp/x', '/proc/1'])(
  'no image writes to %s',
  (path) => {
    const given = blueprint({
      kind: 'image',
      image: { image: 'x', entrypoint: ['/x'], writablePaths: [path] },
    });
    expect(() => deploymentOf(given)).toThrow(expect.objectContaining({ code: 'bad-input' }));
  },
);

it.each(['/var/cache', '/srv/data', '/etc/app', '/home/app', '/run/app'])(
  'an image may write to %s',
  (path) => {
    const given = blueprint({
      kind: 'image',
      image: { image: 'x', entrypoint: ['/x'], writablePaths: [path] },
    });
    expect(JSON.stringify(deploymentOf(given))).toContain(`"mountPath":"${path}"`);
  },
);
