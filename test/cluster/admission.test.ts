/** The admission policies of the chart: what the controller makes passes, and a controller or gateway that was taken over gets nowhere. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPLICAS_BEFORE } from '../../src/cluster/gateway/wake.ts';
import { disruptionBudget, secretQuestion, serviceAccount } from '../../src/cluster/objects/account.ts';
import { claim } from '../../src/cluster/objects/claim.ts';
import { generationOf, installSecret } from '../../src/cluster/objects/config-secret.ts';
import { deployment } from '../../src/cluster/objects/deployment.ts';
import { installerJob } from '../../src/cluster/objects/installer-job.ts';
import { networkPolicy } from '../../src/cluster/objects/network-policy.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';
import { eventually } from './support/cluster.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { kubectlRemoves } from './support/tidy.ts';
import { applyDefinition, attempt, install, type Outcome, type Release, run } from './support/tools.ts';

let release: Release;

beforeAll(() => {
  applyDefinition();
  release = install('servers.allowedImages={ghcr.io/acme/}');
});

afterAll(() => release?.close());

const CLAIM_SPEC = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

// biome-ignore lint/suspicious/noExplicitAny: objects that are spoilt on purpose
type Spoilt = any;
type Change = (object: Spoilt) => void;

const source = { ecosystem: 'npm', name: '@modelcontextprotocol/server-everything' } as const;

function given(kind = 'package') {
  const owner = { name: 'demo', namespace: release.servers, uid: '6f1c2c0e-0000-4000-8000-000000000001' };
  return blueprint(programs[kind]!, { owner, replicas: 0 });
}

function deploymentOf(kind?: string, change: Change = () => {}): object {
  const made = structuredClone(
    deployment({ blueprint: given(kind), settings, generation: 'a1b2c3d4', annotations: {} }),
  );
  change(made);
  return made;
}

function jobOf(change: Change = () => {}): object {
  const made = structuredClone(
    installerJob({ owner: given().owner, source, input: 'abcd1234', attempt: 0 }, settings),
  );
  change(made);
  return made;
}

/** What would happen if the account did it. */
function dryRun(user: string, object: object, verb: 'create' | 'replace' = 'create'): Outcome {
  const args = [
    '-n',
    release.servers,
    verb,
    '--dry-run=server',
    '--validate=strict',
    `--as=${user}`,
    '-f',
    '-',
  ];
  return attempt('kubectl', args, JSON.stringify(object));
}

function patch(user: string, target: string, change: object): Outcome {
  const args = [
    '-n',
    release.servers,
    'patch',
    target,
    '--dry-run=server',
    `--as=${user}`,
    '--type=strategic',
  ];
  return attempt('kubectl', [...args, '-p', JSON.stringify(change)]);
}

function remove(user: string, target: string): Outcome {
  return attempt('kubectl', ['-n', release.servers, 'delete', target, '--dry-run=server', `--as=${user}`]);
}

/** As an administrator; what a test makes goes with it. `kind`: in the plural. */
function make(kind: string, object: Spoilt): void {
  kubectlRemoves(release.servers, { kind, name: object.metadata.name });
  run('kubectl', ['-n', release.servers, 'create', '-f', '-'], JSON.stringify(object));
}

const pod = (object: Spoilt): Spoilt => object.spec.template.spec;

/** Another container, before the others. */
function initContainer(object: Spoilt): Spoilt {
  const made = { ...structuredClone(pod(object).containers[1]), name: 'first' };
  pod(object).initContainers = [made];
  return made;
}

describe('the controller may make', () => {
  it.each(Object.keys(programs))('the Deployment of a server of kind %s', (kind) => {
    expect(dryRun(release.controller, deploymentOf(kind)).err).toBe('');
  });

  it('everything else of a server', () => {
    const { owner } = given();
    const objects = [
      jobOf(),
      serviceAccount(owner, ['mcp-demo-a1b2c3d4']),
      disruptionBudget(owner),
      claim(owner, { size: '1Gi', whenDeleted: 'Delete' }),
      claim(owner, { storageClass: '-', annotations: { backup: 'daily' } }),
      networkPolicy(given(), settings),
      generationOf(given(), settings).secret,
      installSecret(owner, 'mcp-demo-install-a1b2c3d4', 'token'),
    ];
    expect(objects.map((object) => dryRun(release.controller, object).err)).toEqual(objects.map(() => ''));
  });

  it.each(['package', 'inline script', 'stdio image', 'http image'])(
    'the Deployment of a server of kind %s with a folder that stays',
    (kind) => {
      const kept = { ...given(kind), persistence: { size: '1Gi' } };
      const made = deployment({ blueprint: kept, settings, generation: 'a1b2c3d4', annotations: {} });
      expect(dryRun(release.controller, made).err).toBe('');
    },
  );

  it('an installer of a server with a long name', () => {
    const owner = { ...given().owner, name: 'x'.repeat(52) };
    const job = installerJob({ owner, source, input: 'abcd1234', attempt: 0 }, settings);
    expect(dryRun(release.controller, job).err).toBe('');
  });

  it('the key ring and the key of the tokens', () => {
    const secret = (name: string): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'berth' } },
      });
    const args = [
      '-n',
      release.namespace,
      'create',
      '--dry-run=server',
      `--as=${release.controller}`,
      '-f',
      '-',
    ];
    for (const name of ['keys', 'trees-key'])
      expect(attempt('kubectl', args, secret(`${release.name}-${name}`)).err).toBe('');
    expect(attempt('kubectl', args, secret('other')).err).toMatch(/only our keys/);
  });
});

describe('no account may make a Deployment', () => {
  it.each<readonly [string, Change, RegExp]>([
    [
      'without our labels',
      (d) => delete d.metadata.labels['app.kubernetes.io/managed-by'],
      /labels of a server/,
    ],
    [
      'whose pods lack our labels',
      (d) => delete d.spec.template.metadata.labels['app.kubernetes.io/part-of'],
      /labels of a server/,
    ],
    ['with the name of another server', (d) => (d.metadata.name = 'mcp-other'), /labels of a server/],
    [
      'with the account of another server',
      (d) => (pod(d).serviceAccountName = 'mcp-other'),
      /the server's account/,
    ],
    ['with a token', (d) => (pod(d).automountServiceAccountToken = true), /without its token/],
    ['in the network of the node', (d) => (pod(d).hostNetwork = true), /may not share/],
    ['in the process namespace of the node', (d) => (pod(d).hostPID = true), /may not share/],
    ['in the memory of the node', (d) => (pod(d).hostIPC = true), /may not share/],
    ['whose containers see each other', (d) => (pod(d).shareProcessNamespace = true), /may not share/],
    ['on a node of its choice', (d) => (pod(d).nodeName = 'vm'), /name their node/],
    ['that may be root', (d) => (pod(d).securityContext.runAsNonRoot = false), /pods must be restricted/],
    [
      'without seccomp',
      (d) => (pod(d).securityContext.seccompProfile.type = 'Unconfined'),
      /pods must be restricted/,
    ],
    [
      'with sysctls',
      (d) => (pod(d).securityContext.sysctls = [{ name: 'kernel.shm_rmid_forced', value: '0' }]),
      /pods must be restricted/,
    ],
    [
      'in groups of the node',
      (d) => (pod(d).securityContext.supplementalGroups = [0]),
      /pods must be restricted/,
    ],
    [
      'with a privileged container',
      (d) => (pod(d).containers[1].securityContext.privileged = true),
      /allowPrivilegeEscalation|containers must be restricted/,
    ],
    [
      'with an escalating container',
      (d) => (pod(d).containers[1].securityContext.allowPrivilegeEscalation = true),
      /containers must be restricted/,
    ],
    [
      'with an init container as root',
      (d) => (initContainer(d).securityContext.runAsUser = 0),
      /containers must be restricted/,
    ],
    [
      'with a capability',
      (d) => (pod(d).containers[1].securityContext.capabilities.add = ['NET_BIND_SERVICE']),
      /containers must be restricted/,
    ],
    [
      'that keeps capabilities',
      (d) => (pod(d).containers[1].securityContext.capabilities = {}),
      /containers must be restricted/,
    ],
    [
      'with a writable root',
      (d) => (pod(d).containers[1].securityContext.readOnlyRootFilesystem = false),
      /containers must be restricted/,
    ],
    [
      'with a container without any context',
      (d) => delete pod(d).containers[1].securityContext,
      /containers must be restricted/,
    ],
    [
      'with a port of the node',
      (d) => (pod(d).containers[1].ports = [{ containerPort: 80, hostPort: 80 }]),
      /no host ports/,
    ],
    [
      'with a folder of the node',
      (d) => pod(d).volumes.push({ name: 'host', hostPath: { path: '/' } }),
      /volumes may only be/,
    ],
    [
      'with the claim of another server',
      (d) => pod(d).volumes.push({ name: 'c', persistentVolumeClaim: { claimName: 'mcp-other-data' } }),
      /the claim of another server/,
    ],
    [
      'with a volume of its own making',
      (d) => pod(d).volumes.push({ name: 'e', ephemeral: { volumeClaimTemplate: { spec: CLAIM_SPEC } } }),
      /volumes may only be/,
    ],
    [
      'with a projected token',
      (d) =>
        pod(d).volumes.push({ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }),
      /volumes may only be/,
    ],
    [
      'with a foreign image',
      (d) => (pod(d).containers[1].image = 'docker.io/evil/miner:1'),
      /image not allowed: docker.io\/evil\/miner:1/,
    ],
    [
      'with an image that begins like ours',
      (d) => (pod(d).containers[1].image = 'berth-runner-evil:1'),
      /image not allowed/,
    ],
    [
      'with a foreign init container',
      (d) => (initContainer(d).image = 'ghcr.io/acme-evil/x'),
      /image not allowed/,
    ],
    [
      "under the supervisor's user id",
      (d) => (pod(d).containers[1].securityContext.runAsUser = 10_001),
      /user id of the supervisor/,
    ],
  ])('%s', (_what, change, why) => {
    const { ok, err } = dryRun(release.controller, deploymentOf('package', change));
    expect(err).toMatch(why);
    expect(ok).toBe(false);
  });

  it('as the gateway, which has no right to', () => {
    expect(dryRun(release.gateway, deploymentOf()).err).toMatch(/cannot create resource "deployments"/);
  });
});

describe('what was made when other images were allowed', () => {
  const OLD = 'mirror.example.com/berth';
  /** Whichever of them the API server tells of. */
  const TODAY = /image not allowed|user id of the supervisor|may not share/;
  const OLD_JOB = 'mcp-demo-install-older';
  const template = (change: object): object => ({ spec: { template: change } });
  const named = (name: string, image: string): object => ({ spec: { containers: [{ name, image }] } });

  /** Nobody owns it, so that nobody takes it away. */
  const aged: Change = (object) => {
    delete object.metadata.ownerReferences;
    for (const container of pod(object).containers) container.image = `${OLD}-${container.name}:1`;
  };

  beforeAll(() => {
    make('deployments', deploymentOf('package', aged));
    const job = jobOf(aged) as Spoilt;
    make('jobs', {
      ...job,
      metadata: { ...job.metadata, name: OLD_JOB },
      spec: { ...job.spec, suspend: true },
    });
  });
  // Later tests make one of that name.
  afterAll(() =>
    run('kubectl', ['-n', release.servers, 'delete', 'deployment/mcp-demo', `job/${OLD_JOB}`, '--wait']),
  );

  it.each<readonly [string, object]>([
    ['scaled', { spec: { replicas: 3 } }],
    ['given a note', { metadata: { annotations: { note: 'a' } } }],
    [
      'given the images of today',
      template({
        spec: {
          containers: [
            { name: 'supervisor', image: 'berth-supervisor:1' },
            { name: 'workload', image: 'berth-runner:1' },
          ],
        },
      }),
    ],
  ])('a Deployment can be %s', (_what, change) => {
    expect(patch(release.controller, 'deployment/mcp-demo', change).err).toBe('');
  });

  it.each<readonly [string, object, RegExp]>([
    ['a note on its pods', template({ metadata: { annotations: { note: 'a' } } }), TODAY],
    ['other pods', template(named('workload', 'docker.io/evil/miner:1')), TODAY],
    [
      'the processes of the node when it is scaled',
      { spec: { replicas: 1, template: { spec: { hostPID: true } } } },
      TODAY,
    ],
    [
      'label of another server',
      { metadata: { labels: { 'berth.dev/server': 'other' } } },
      /labels of a server/,
    ],
  ])('a Deployment does not get %s', (_what, change, why) => {
    const { ok, err } = patch(release.controller, 'deployment/mcp-demo', change);
    expect(err).toMatch(why);
    expect(ok).toBe(false);
  });

  it('a Job can be ended sooner, and its pods are not changed', () => {
    expect(patch(release.controller, `job/${OLD_JOB}`, { spec: { activeDeadlineSeconds: 5 } }).err).toBe('');
    const change = template({ metadata: { annotations: { note: 'a' } } });
    expect(patch(release.controller, `job/${OLD_JOB}`, change).err).toMatch(TODAY);
  });
});

describe('the controller may not', () => {
  it.each<readonly [string, Change, RegExp]>([
    [
      'with a folder of the node',
      (j) => pod(j).volumes.push({ name: 'host', hostPath: { path: '/' } }),
      /volumes may only be/,
    ],
    [
      'with a claim',
      (j) => pod(j).volumes.push({ name: 'c', persistentVolumeClaim: { claimName: 'mcp-demo-data' } }),
      /volumes may only be/,
    ],
    ['with a foreign image', (j) => (pod(j).containers[0].image = 'busybox'), /image not allowed/],
    [
      'that may be root',
      (j) => (pod(j).containers[0].securityContext.runAsUser = 0),
      /containers must be restricted/,
    ],
    ['without our labels', (j) => (j.spec.template.metadata.labels = {}), /labels of a server/],
  ])('make a Job %s', (_what, change, why) => {
    expect(dryRun(release.controller, jobOf(change)).err).toMatch(why);
  });

  it('make a Secret that holds a token of an account', () => {
    const { secret } = generationOf(given(), settings);
    const { immutable: _immutable, ...rest } = secret;
    const annotations = { 'kubernetes.io/service-account.name': 'default' };
    const token = {
      ...rest,
      type: 'kubernetes.io/service-account-token',
      metadata: { ...secret.metadata, annotations },
    };
    expect(dryRun(release.controller, token).err).toMatch(/must be opaque/);
  });

  it.each<readonly [string, Change, RegExp]>([
    ['under another name', (c) => (c.metadata.name = 'mcp-other-data'), /the name of its server/],
    ['without our labels', (c) => (c.metadata.labels = {}), /labels of a server|name of its server/],
    ['of a certain volume', (c) => (c.spec.volumeName = 'somebodys'), /may name no volume/],
    ['of chosen volumes', (c) => (c.spec.selector = { matchLabels: { a: 'b' } }), /may name no volume/],
    [
      "that copies somebody's",
      (c) => (c.spec.dataSource = { kind: 'PersistentVolumeClaim', name: 'somebodys' }),
      /may name no volume and no source/,
    ],
  ])('make a claim %s', (_what, change, why) => {
    const made = structuredClone(claim(given().owner, {}));
    change(made);
    expect(dryRun(release.controller, made).err).toMatch(why);
  });

  it('read or list Secrets', () => {
    for (const verb of ['get', 'list', 'watch', 'patch', 'update']) {
      const args = ['auth', 'can-i', verb, 'secrets', '-n', release.servers, `--as=${release.controller}`];
      expect(attempt('kubectl', args).out.trim()).toBe('no');
    }
  });

  it('remove what others have made', () => {
    make('secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'theirs' } });
    expect(remove(release.controller, 'secret/theirs').err).toMatch(/that others have made/);
    expect(remove(release.controller, `networkpolicy/${release.name}-deny`).err).toMatch(
      /that others have made/,
    );
    expect(remove(release.controller, 'serviceaccount/default').err).toMatch(/that others have made/);
  });

  it('make the default denial of traffic mean nothing', () => {
    const change = { spec: { ingress: [{}] } };
    const labels = { 'app.kubernetes.io/managed-by': 'berth', 'berth.dev/server': 'x' };
    const target = `networkpolicy/${release.name}-deny`;
    expect(patch(release.controller, target, { ...change, metadata: { labels } }).err).toMatch(
      /that others have made/,
    );
  });
});

describe('pods', () => {
  const container = {
    name: 'supervisor',
    image: 'berth-supervisor:none',
    imagePullPolicy: 'Never',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const made = (name: string, labels: object): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      containers: [container],
      securityContext: { runAsNonRoot: true, runAsUser: 10_001, seccompProfile: { type: 'RuntimeDefault' } },
    },
  });

  beforeAll(() => {
    make('pods', made('ours', { 'app.kubernetes.io/managed-by': 'berth' }));
    make('pods', made('theirs', {}));
  });

  /** Of one Deployment, as Kubernetes names and marks it. */
  const madeBy = async (name: string, labels: Record<string, string>): Promise<string> => {
    const pod = made(name, { ...labels, made: name }) as { metadata: object; spec: object };
    make('deployments', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        selector: { matchLabels: { made: name } },
        template: { metadata: pod.metadata, spec: pod.spec },
      },
    });
    const list = ['-n', release.servers, 'get', 'pods', '-l', `made=${name}`, '-o', 'name'];
    await eventually(`a pod of ${name}`, () => run('kubectl', list) !== '');
    return run('kubectl', list).trim();
  };

  it('are ended by the gateway when a Deployment has made them, of a server or of others', async () => {
    leaveForLater('deployments server');
    const { labels } = deployment({ blueprint: given(), settings, generation: 'a1b2c3d4', annotations: {} })
      .spec.template.metadata as { labels: Record<string, string> };
    const [server, foreign, gateway] = await Promise.all([
      madeBy('server', labels),
      madeBy('foreign-pods', { app: 'my-mcp' }),
      madeBy('another-gateway', {
        'app.kubernetes.io/part-of': 'berth',
        'app.kubernetes.io/component': 'gateway',
      }),
    ]);
    for (const pod of [server, foreign]) {
      expect(remove(release.gateway, pod).err).toBe('');
      expect(remove(release.controller, pod).err).toMatch(/cannot delete resource "pods"/);
    }
    for (const pod of [gateway, 'pod/ours', 'pod/theirs'])
      expect(remove(release.gateway, pod).err).toMatch(/only the gateway may end pods, and only those/);
    const beside = ['-n', release.namespace, 'delete', 'pods', '--all', '--dry-run=server'];
    expect(attempt('kubectl', [...beside, `--as=${release.gateway}`]).err).toMatch(/cannot list resource/);
    const may = [
      'auth',
      'can-i',
      'deletecollection',
      'pods',
      '-n',
      release.servers,
      `--as=${release.gateway}`,
    ];
    expect(attempt('kubectl', may).out.trim()).toBe('no');
  });

  it('are not ended by the controller, even if it had the right', () => {
    const name = 'may-end';
    const account = { kind: 'User', name: release.controller, apiGroup: 'rbac.authorization.k8s.io' };
    make('roles', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['delete'] }],
    });
    make('rolebindings', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [account],
    });
    const pods = run('kubectl', ['-n', release.servers, 'get', 'pods', '-l', 'made=server', '-o', 'name']);
    expect(remove(release.controller, pods.trim()).err).toMatch(/only the gateway may end pods/);
  });

  it('get annotations from the controller, and nothing else', () => {
    const cost = { metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '5' } } };
    expect(patch(release.controller, 'pod/ours', cost).err).toBe('');
    expect(patch(release.controller, 'pod/theirs', cost).err).toMatch(/only annotations of servers' pods/);
    const label = { metadata: { labels: { app: 'x' } } };
    expect(patch(release.controller, 'pod/ours', label).err).toMatch(/only annotations/);
    const image = { spec: { containers: [{ name: 'supervisor', image: 'evil' }] } };
    expect(patch(release.controller, 'pod/ours', image).err).toMatch(/only annotations/);
  });

  const NOT_RUNNING = /container not found|does not have a host assigned|container .* is not/;
  const JOIN = ['/berth/bin/berth-spawn', 'join', '--socket', '/run/berth/link/link.sock'];
  const exec = (user: string, options: readonly string[], command: readonly string[]): string =>
    attempt('kubectl', ['-n', release.servers, 'exec', 'ours', ...options, `--as=${user}`, '--', ...command])
      .err;

  it.each(['gateway', 'controller'] as const)('let the %s join the link', (account) => {
    // It has no image, so that nothing runs there to join; but nobody refused.
    expect(exec(release[account], ['-i', '-c', 'supervisor'], JOIN)).toMatch(NOT_RUNNING);
  });

  it.each<readonly [string, readonly string[], readonly string[]]>([
    ['a shell', ['-i', '-c', 'supervisor'], ['/bin/sh']],
    ['a further argument', ['-c', 'supervisor'], [...JOIN, '--peer']],
    ['another socket', ['-c', 'supervisor'], [...JOIN.slice(0, -1), '@berth-spawn']],
    ['the program alone', ['-c', 'supervisor'], JOIN.slice(0, 1)],
  ])('let nobody run %s', (_what, options, command) => {
    expect(exec(release.gateway, options, command)).toMatch(/only the link of the supervisor may be joined/);
    expect(exec(release.controller, options, command)).toMatch(
      /only the link of the supervisor may be joined/,
    );
  });

  it('let nobody exec into another container, or with a terminal', () => {
    make('pods', {
      ...(made('two', {}) as { spec: object }),
      metadata: { name: 'two' },
      spec: {
        ...(made('two', {}) as { spec: object }).spec,
        containers: [container, { ...container, name: 'workload' }],
      },
    });
    const into = (...options: string[]): string =>
      attempt('kubectl', [
        '-n',
        release.servers,
        'exec',
        'two',
        ...options,
        `--as=${release.gateway}`,
        '--',
        ...JOIN,
      ]).err;
    expect(into('-c', 'workload')).toMatch(/only the link of the supervisor/);
    expect(into('-c', 'supervisor')).toMatch(NOT_RUNNING);
    const query = [
      ...JOIN.map((word) => `command=${encodeURIComponent(word)}`),
      'container=supervisor',
      'tty=true',
      'stdin=true',
      'stdout=true',
    ];
    const raw = `/api/v1/namespaces/${release.servers}/pods/two/exec?${query.join('&')}`;
    const { err } = attempt('kubectl', ['create', '--raw', raw, '-f', '-', `--as=${release.gateway}`], '{}');
    expect(err).toMatch(/only the link of the supervisor/);
  });
});

describe('a Deployment that others have made', () => {
  const made = (name: string, component: string): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels: { 'app.kubernetes.io/component': component }, annotations: { note: 'a' } },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name }, annotations: { kept: 'a' } },
        spec: { containers: [{ name: 'a', image: 'theirs' }] },
      },
    },
  });
  const template = (change: object): object => ({ spec: { template: change } });

  beforeAll(() => {
    make('deployments', made('foreign', 'mcp-server'));
    make('deployments', made('unrelated', 'database'));
  });

  it.each<readonly [string, object]>([
    ['scaled', { spec: { replicas: 3 } }],
    ['stopped', { metadata: { annotations: { [REPLICAS_BEFORE]: '3' } }, spec: { replicas: 0 } }],
    ['restarted', template({ metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': 'now' } } })],
  ])('can be %s by the gateway', (_what, change) => {
    expect(patch(release.gateway, 'deployment/foreign', change).ok).toBe(true);
    expect(patch(release.gateway, 'deployment/unrelated', change).err).toMatch(/only Deployments labelled/);
    expect(patch(release.controller, 'deployment/foreign', change).err).toMatch(/denied request/);
  });

  it.each<readonly [string, object, RegExp]>([
    [
      'image',
      template({ spec: { containers: [{ name: 'a', image: 'evil' }] } }),
      /only replicas and the restart/,
    ],
    ['account', template({ spec: { serviceAccountName: 'admin' } }), /only replicas and the restart/],
    ["pods' labels", template({ metadata: { labels: { more: 'b' } } }), /only replicas and the restart/],
    ["pods' annotations", template({ metadata: { annotations: { kept: 'b' } } }), /that of a restart/],
    [
      "pods' annotations by one more",
      template({ metadata: { annotations: { more: 'b' } } }),
      /that of a restart/,
    ],
    [
      "pods' annotations by one less",
      template({ metadata: { annotations: { kept: null } } }),
      /that of a restart/,
    ],
    ['labels', { metadata: { labels: { more: 'b' } } }, /metadata may not be changed/],
    ['annotations', { metadata: { annotations: { note: 'b' } } }, /of the annotations only/],
    ['annotations by one more', { metadata: { annotations: { more: 'b' } } }, /of the annotations only/],
    ['annotations by one less', { metadata: { annotations: { note: null } } }, /of the annotations only/],
    [
      'strategy',
      { spec: { strategy: { type: 'Recreate', rollingUpdate: null } } },
      /only replicas and the restart/,
    ],
    ['pause', { spec: { paused: true } }, /only replicas and the restart/],
  ])('keeps its %s', (_what, change, why) => {
    expect(patch(release.gateway, 'deployment/foreign', change).err).toMatch(why);
  });
});

describe('a Secret', () => {
  const secret = (name: string, labels: object): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, labels },
  });
  const usable = { 'berth.dev/usable': 'true' };
  const server = (name: string, ref: string, more: object = {}): object => ({
    apiVersion: 'berth.dev/v1alpha1',
    kind: 'MCPServer',
    metadata: { name },
    spec: {
      template: 'brave-search',
      secrets: [{ name: 'KEY', secretKeyRef: { name: ref, key: 'token' } }],
      ...more,
    },
  });
  const create = (object: object): string => {
    const args = ['-n', release.servers, 'create', '--dry-run=server', '-f', '-'];
    return attempt('kubectl', args, JSON.stringify(object)).err;
  };

  beforeAll(() => {
    make('secrets', secret('usable', usable));
    make('secrets', secret('private', {}));
    make('mcpservers', server('early', 'late'));
    make('secrets', secret('late', {}));
  });

  it('that says so may be used by a server, and one that is not there yet', () => {
    expect(create(server('x', 'usable'))).toBe('');
    expect(create(server('x', 'nowhere'))).toBe('');
  });

  it('that does not say so may not, and the refusal says what to do', async () => {
    await eventually('the API server to see the Secret', () => create(server('x', 'private')) !== '');
    expect(create(server('x', 'private'))).toContain(
      `kubectl -n ${release.servers} label secret private berth.dev/usable=true`,
    );
    const headers = [{ name: 'Authorization', secretKeyRef: { name: 'private', key: 'token' } }];
    const source = { remote: { url: 'https://mcp.example.com/mcp', headers } };
    const remote = { ...server('x', 'usable'), spec: { source } };
    expect(create(remote)).toMatch(/Secret private may not be used/);
  });

  it('is told of to the controller, which may read none of them, and to nobody else', () => {
    const names = ['usable', 'private', 'late', 'nowhere'];
    const question = secretQuestion({ ...given().owner, name: 'asking' }, names);
    const { ok, err } = dryRun(release.controller, question);
    const told = [...err.matchAll(/Secret (\S+) (may|may not) be used by servers$/gm)].map(([all]) => all);
    expect([ok, told.sort()]).toEqual([
      true,
      [
        'Secret late may not be used by servers',
        'Secret private may not be used by servers',
        'Secret usable may be used by servers',
      ],
    ]);
    const args = ['-n', release.servers, 'create', '--dry-run=server', '-f', '-'];
    expect(attempt('kubectl', args, JSON.stringify(question)).err).toBe('');
  });

  it('that was named before stops nobody from scaling or stopping the server', () => {
    const args = [
      '-n',
      release.servers,
      'patch',
      'mcps/early',
      '--type=merge',
      '-p',
      '{"spec":{"suspend":true}}',
    ];
    expect(attempt('kubectl', args).err).toBe('');
    expect(attempt('kubectl', ['-n', release.servers, 'scale', 'mcps/early', '--replicas=2']).err).toBe('');
  });

  it.each<readonly [string, Change]>([
    ['a volume', (d) => pod(d).volumes.push({ name: 's', secret: { secretName: 'private' } })],
    [
      'a projection',
      (d) => pod(d).volumes.push({ name: 's', projected: { sources: [{ secret: { name: 'private' } }] } }),
    ],
    [
      'a variable',
      (d) =>
        (pod(d).containers[1].env = [
          { name: 'A', valueFrom: { secretKeyRef: { name: 'private', key: 'a' } } },
        ]),
    ],
    ['all variables', (d) => (pod(d).containers[0].envFrom = [{ secretRef: { name: 'private' } }])],
    [
      'a variable of an init container',
      (d) => (initContainer(d).envFrom = [{ secretRef: { name: 'private' } }]),
    ],
  ])('that does not say so is not read by a pod as %s', (_what, change) => {
    expect(dryRun(release.controller, deploymentOf('package', change)).err).toMatch(
      /Secret private may not be used/,
    );
  });
});

describe('a claim beside the servers', () => {
  const made = (name: string, labels: object): object => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, labels },
    spec: { ...CLAIM_SPEC, storageClassName: 'none-of-this-name' },
  });
  const server = (existingClaim: string): object => ({
    apiVersion: 'berth.dev/v1alpha1',
    kind: 'MCPServer',
    metadata: { name: 'x' },
    spec: { template: 'memory', persistence: { existingClaim } },
  });
  const create = (object: object): string => {
    const args = ['-n', release.servers, 'create', '--dry-run=server', '-f', '-'];
    return attempt('kubectl', args, JSON.stringify(object)).err;
  };
  const mounting = (claimName: string): string =>
    dryRun(
      release.controller,
      deploymentOf('package', (d) =>
        pod(d).volumes.push({ name: 'c', persistentVolumeClaim: { claimName } }),
      ),
    ).err;

  beforeAll(() => {
    make('persistentvolumeclaims', made('usable-data', { 'berth.dev/usable': 'true' }));
    make('persistentvolumeclaims', made('private-data', {}));
  });

  it('that says so may be used by a server, and one that is not there yet', () => {
    expect([create(server('usable-data')), create(server('nowhere'))]).toEqual(['', '']);
    expect([mounting('usable-data'), mounting('mcp-demo-data')]).toEqual(['', '']);
  });

  it('that does not say so may not, and the refusal says what to do', async () => {
    await eventually('the API server to see the claim', () => create(server('private-data')) !== '');
    expect(create(server('private-data'))).toContain(
      `kubectl -n ${release.servers} label pvc private-data berth.dev/usable=true`,
    );
    expect(mounting('private-data')).toMatch(/claim private-data may not be used by servers/);
  });

  it('that others have made is neither changed nor removed by the controller', () => {
    const change = { metadata: { labels: { 'berth.dev/usable': 'true' } } };
    // Each of these policies refuses it, and the API server tells of one of them.
    expect(patch(release.controller, 'pvc/private-data', change).err).toMatch(
      /that others have made|labels of a server|a claim must have the name of its server/,
    );
    expect(remove(release.controller, 'pvc/private-data').err).toMatch(/that others have made/);
    expect(patch(release.gateway, 'pvc/private-data', change).err).toMatch(/cannot (get|patch) resource/);
  });
});

it('nobody else is bothered', () => {
  const args = ['-n', release.servers, 'create', 'deployment', 'a', '--image=anything', '--replicas=0'];
  expect(attempt('kubectl', [...args, '--dry-run=server']).ok).toBe(true);
});
