/** The chart by helm: lint, every variant of values against a real API server, and what its schema refuses. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { loadSettings } from '../../src/settings/load.ts';
import { type Manifest, objectOf, render, set, settingsTextOf } from './support/rendered.ts';
import { applyDefinition, attempt, CHART, ROOT, removeNamespaces, run, uniqueName } from './support/tools.ts';

const VARIANTS = [
  ...readdirSync(`${CHART}/ci`).map((name) => `${CHART}/ci/${name}`),
  ...readdirSync(`${CHART}/examples`).map((name) => `${CHART}/examples/${name}`),
].map((path) => [path.slice(CHART.length + 1), path] as const);
const VENDORED = `${ROOT}test/cluster/crds`;
/** The name of the definition that a file holds. */
const crdOf = (file: string): string => parse(readFileSync(`${VENDORED}/${file}`, 'utf8')).metadata.name;
const namespace = uniqueName();
const servers = `${namespace}-servers`;

const template = (...args: readonly string[]): Manifest[] => render(namespace, args);

describe('helm lint', () => {
  it.each([['no values', []], ...VARIANTS.map(([name, path]) => [name, ['-f', path]] as const)] as const)(
    'has nothing to say of %s',
    (_name, args) => {
      const { ok, out, err } = attempt('helm', ['lint', '--strict', CHART, ...args]);
      expect(`${out}${err}`).not.toMatch(/\[(WARNING|ERROR)\]/);
      expect(ok).toBe(true);
    },
  );
});

describe('every variant of values', () => {
  /** Files of the definitions that this cluster does not have. */
  let absent: readonly string[] = [];

  beforeAll(() => {
    applyDefinition();
    // Those that the cluster has are its own, with objects of other people: they are used as they are, and stay.
    absent = readdirSync(VENDORED).filter((file) => !attempt('kubectl', ['get', 'crd', crdOf(file)]).ok);
    for (const file of absent) run('kubectl', ['create', '-f', `${VENDORED}/${file}`]);
    for (const file of absent)
      run('kubectl', ['wait', '--for=condition=Established', `crd/${crdOf(file)}`, '--timeout=60s']);
    for (const name of [namespace, servers]) run('kubectl', ['create', 'namespace', name]);
  });

  afterAll(() => {
    removeNamespaces(namespace, servers);
    for (const file of absent) run('kubectl', ['delete', '--ignore-not-found', `crd/${crdOf(file)}`]);
  });

  it.each(VARIANTS)('%s is taken by the API server', (_name, path) => {
    const text = run('helm', [
      'template',
      'berth',
      CHART,
      '-n',
      namespace,
      '-f',
      path,
      ...set(`servers.namespace=${servers}`),
    ]);
    const args = [
      'apply',
      '--server-side',
      '--force-conflicts',
      '--dry-run=server',
      '--validate=strict',
      '-f',
      '-',
    ];
    const { ok, err } = attempt('kubectl', args, text);
    expect(err).toBe('');
    expect(ok).toBe(true);
  });

  it('are, together, every kind of object that the chart can make', () => {
    const kinds = new Set(VARIANTS.flatMap(([, path]) => template('-f', path).map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual(
      [
        ...[
          'ConfigMap',
          'CustomResourceDefinition',
          'Deployment',
          'HTTPRoute',
          'HorizontalPodAutoscaler',
          'Ingress',
        ],
        ...[
          'LimitRange',
          'Namespace',
          'NetworkPolicy',
          'PersistentVolumeClaim',
          'Pod',
          'PodDisruptionBudget',
        ],
        ...['PodMonitor', 'ResourceQuota', 'Role', 'RoleBinding', 'Secret', 'Service', 'ServiceAccount'],
        ...['ServiceMonitor', 'ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
      ].sort(),
    );
  });
});

describe('the schema refuses', () => {
  it.each([
    ['an unknown value', 'foo=1', /additional properties 'foo' not allowed/],
    ['a misspelt value', 'gateway.replica=2', /'replica' not allowed/],
    ['a misspelt setting', 'settings.limits.idel=3m', /'idel' not allowed/],
    ['an unknown policy', 'images.pullPolicy=Sometimes', /value must be one of/],
    ['text for a number', 'gateway.replicas=many', /got string, want integer/],
    ['a number for text', 'images.registry=1', /got number, want string/],
    ['a hash that is none', 'auth.keys[0].name=a,auth.keys[0].hash=b', /does not match pattern/],
    ['a second key named admin', `auth.keys[0].name=admin,auth.keys[0].hash=${'0'.repeat(64)}`, /auth/],
    ['a share beyond all', 'traces.sampleRate=2', /maximum/],
    ['a share that is none', 'traces.sampleRate=1.5', /does not match pattern/],
    ['a receiver with a password', 'traces.endpoint=http://a:b@c', /does not match pattern/],
    ['a port out of range', 'gateway.service.port=70000', /maximum/],
    ['an unknown field of a server', 'servers.items.a.command=sh', /'command' not allowed/],
    ['a server name that is none', 'servers.items.A_b.template=time', /propertyNames|does not match pattern/],
    ['eleven replicas of a server', 'servers.items.a.replicas=11', /maximum/],
    ['a bundle that is no certificate', 'caBundle.pem=secret', /does not match pattern/],
    ['an amount that is none', 'servers.treeSize=lots', /does not match pattern/],
    ['half a byte of memory', 'servers.defaults.resources.limits.memory=512m', /does not match pattern/],
    ['a resource that processes have not', 'servers.defaults.resources.limits.gpu=1', /'gpu' not allowed/],
    ['no end for an idle session', 'settings.limits.idle=off', /does not match pattern/],
    ['a day for an installation', 'servers.installer.timeoutSeconds=86400', /maximum/],
  ])('%s', (_what, value, why) => {
    const { ok, err } = attempt('helm', ['template', 'berth', CHART, ...set(value)]);
    expect(err).toMatch(why);
    expect(ok).toBe(false);
  });

  it.each([
    ['servers beside the gateway', ['servers.namespace=here'], /must be another namespace/],
    ['no key at all', ['auth.adminKey=false'], /needs an API key/],
    ['no time to drain', ['gateway.terminationGracePeriodSeconds=10'], /at least 10 more/],
    [
      'fewer than the least',
      ['gateway.autoscaling.enabled=true', 'gateway.autoscaling.maxReplicas=1'],
      /must not be less/,
    ],
    ['a route to nowhere', ['httpRoute.enabled=true'], /must name a Gateway/],
  ])('nothing of this, but the chart does: %s', (_what, values, why) => {
    const { err } = attempt('helm', ['template', 'berth', CHART, '-n', 'here', ...set(...values)]);
    expect(err).toMatch(why);
  });

  it('nothing that a parent chart shares with all its charts', () => {
    expect(
      template(...set('global.anything=1', 'global.imageRegistry=registry.example.com')).length,
    ).toBeGreaterThan(10);
  });
});

describe('the objects', () => {
  it('say nothing of replicas where an autoscaler does', () => {
    const spec = (...values: string[]) =>
      objectOf(template(...set(...values)), 'Deployment', 'berth-gateway').spec;
    expect(spec().replicas).toBe(2);
    expect(spec('gateway.autoscaling.enabled=true')).not.toHaveProperty('replicas');
  });

  it('name objects of the cluster after the namespace', () => {
    const policies = template().filter(({ kind }) => kind.startsWith('ValidatingAdmission'));
    expect(policies).toHaveLength(24);
    expect(policies.filter(({ metadata }) => !metadata.name.startsWith(`${namespace}-berth-`))).toEqual([]);
  });

  it('all say which namespace they are in', () => {
    const cluster = /^(Namespace|CustomResourceDefinition|ValidatingAdmission.*)$/;
    const objects = VARIANTS.flatMap(([, path]) => template('-f', path));
    const homeless = objects.filter(({ kind, metadata }) => !cluster.test(kind) && !metadata.namespace);
    expect(homeless.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([]);
  });

  it('keep the definition and the namespace of the servers, and nothing else', () => {
    const kept = template().filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep',
    );
    expect(kept.map(({ kind }) => kind).sort()).toEqual(['CustomResourceDefinition', 'Namespace']);
  });

  it('declare servers in both ways of writing them', () => {
    const objects = template('-f', `${CHART}/ci/servers-values.yaml`);
    const { servers: declared } = parse(
      objectOf(objects, 'ConfigMap', 'berth-servers').data['servers.yaml'],
    ) as {
      servers: Record<string, object>;
    };
    expect(Object.keys(declared).sort()).toEqual(
      ['brave-search', 'desk', 'everything', 'filesystem', 'files', 'notes', 'search'].sort(),
    );
    expect(declared['brave-search']).toEqual({ template: 'brave-search' });
    expect(declared.filesystem).toEqual({ template: 'filesystem', args: ['/tmp', '/var/cache'] });
    expect(declared.everything).toEqual({ template: 'everything', replicas: 2 });
    const persistence = { size: '2Gi', storageClass: '-', mountPath: '/notes' };
    expect(declared.notes).toMatchObject({ persistence });
    const needs = [
      { name: 'notes', tools: ['read_graph'] },
      { name: 'search', version: '>=1', optional: true },
    ];
    expect(declared.desk).toMatchObject({ dependencies: needs });
    const settings = parse(settingsTextOf(objects, 'controller'));
    expect(settings).toMatchObject({
      allow: { npm: true, pypi: false },
      egress: 'none',
      resources: { workload: { limits: { cpu: '250m', memory: '256Mi' }, requests: { cpu: '100m' } } },
    });
  });

  it.each(VARIANTS)('give the controller settings that it takes: %s', (_name, path) => {
    const settings = parseControllerSettings(JSON.parse(settingsTextOf(template('-f', path), 'controller')));
    expect(settings.pods.release).toBe('berth');
    expect(settings.namespace).not.toBe(namespace);
  });

  it.each([
    ['servers.defaults.resources.limits.cpu=1', 'servers.supervisor.resources.limits.cpu=2'],
    ['servers.installer.resources.requests.cpu=0.5', 'servers.installer.timeoutSeconds=7200'],
    ['servers.treeSize=1073741824', 'servers.scratchSize=2G'],
    ['settings.limits.lineBytes=8Mi', 'settings.limits.idle=1 h', 'settings.health.interval=off'],
  ])('give both programs what they take, however it is written: %s, %s', (...values) => {
    const objects = template(...set(...values));
    parseControllerSettings(JSON.parse(settingsTextOf(objects, 'controller')));
    const gateway = settingsTextOf(objects, 'gateway');
    loadSettings({ env: { BERTH_CONFIG: 'x' }, readFile: () => gateway });
  });

  it('are in the pods, so that no pod gets those of another revision', () => {
    const objects = template(...set('settings.publicUrl=https://a.example.com'));
    const fieldRef = { fieldPath: "metadata.annotations['berth.dev/settings']" };
    for (const [component, path] of [
      ['controller', 'controller.json'],
      ['gateway', 'berth.yaml'],
    ] as const) {
      const { spec } = objectOf(objects, 'Deployment', `berth-${component}`).spec.template;
      expect(spec.volumes).toContainEqual({ name: 'settings', downwardAPI: { items: [{ path, fieldRef }] } });
    }
    // Kept for what it owns, and for `berth doctor`.
    const { data } = objectOf(objects, 'ConfigMap', 'berth-controller');
    expect(JSON.parse(data['controller.json'])).toEqual(JSON.parse(settingsTextOf(objects, 'controller')));
  });

  it('roll the pods that trust another authority', () => {
    const checksums = (pem: string) =>
      ['gateway', 'controller', 'trees'].map(
        (component) =>
          objectOf(
            template(...set(`caBundle.pem=-----BEGIN CERTIFICATE-----${pem}`)),
            'Deployment',
            `berth-${component}`,
          ).spec.template.metadata.annotations['checksum/ca'],
      );
    const [one, other] = [checksums('one'), checksums('other')];
    expect(new Set(one).size).toBe(1);
    expect(one).not.toContain(undefined);
    expect(other).not.toEqual(one);
    expect(checksums('one')).toEqual(one);
  });

  it('give the gateway its hosts, its URL and its time to drain', () => {
    const objects = template('-f', `${CHART}/ci/production-values.yaml`);
    const settings = parse(settingsTextOf(objects, 'gateway'));
    expect(settings.publicUrl).toBe('https://berth.example.com');
    expect(settings.allowedHosts).toContain('berth.example.com');
    expect(settings.allowedHosts).toContain(`berth-gateway.${namespace}.svc`);
    expect(settings.limits).toMatchObject({ stopTimeout: '80s', idle: '10m' });
  });

  it.each([
    ['the Service', [], `http://berth-gateway.${namespace}.svc`],
    ["the Service's port", set('gateway.service.port=8080'), `http://berth-gateway.${namespace}.svc:8080`],
    ['the Ingress', set('ingress.enabled=true', 'ingress.hosts={mcp.example.com}'), 'http://mcp.example.com'],
    [
      'the HTTPRoute',
      set(
        'httpRoute.enabled=true',
        'httpRoute.parentRefs[0].name=a',
        'httpRoute.hostnames={mcp.example.com}',
      ),
      'https://mcp.example.com',
    ],
    [
      'the Service over TLS',
      set('gateway.tls.secretName=berth-tls', 'gateway.service.port=443'),
      `https://berth-gateway.${namespace}.svc`,
    ],
  ])('give URLs that lead to %s', (_what, args, url) => {
    const objects = template(...args);
    const gateway = parse(settingsTextOf(objects, 'gateway'));
    const controller = JSON.parse(settingsTextOf(objects, 'controller'));
    expect([gateway.publicUrl, controller.publicUrl]).toEqual([url, url]);
    expect(gateway.allowedHosts).toContain(new URL(url).host);
  });

  it('give the URL of the setting before all others', () => {
    const ingress = ['ingress.enabled=true', 'ingress.hosts={x.example.com}'];
    const objects = template(...set('settings.publicUrl=https://a.example.com/b', ...ingress));
    expect(parse(settingsTextOf(objects, 'gateway')).publicUrl).toBe('https://a.example.com/b');
  });

  it('let the gateway serve HTTPS with a Secret of yours', () => {
    const objects = template(...set('gateway.tls.secretName=berth-tls'));
    const { spec } = objectOf(objects, 'Deployment', 'berth-gateway').spec.template;
    const [container] = spec.containers;
    const secret = expect.objectContaining({ secretName: 'berth-tls' });
    expect(spec.volumes).toContainEqual({ name: 'tls', secret });
    expect(container.volumeMounts).toContainEqual({
      name: 'tls',
      mountPath: '/etc/berth/tls',
      readOnly: true,
    });
    expect(container.env).toContainEqual({ name: 'BERTH_TLS_CERTIFICATE', value: '/etc/berth/tls' });
    const [port] = objectOf(objects, 'Service', 'berth-gateway').spec.ports;
    expect(port).toMatchObject({ appProtocol: 'kubernetes.io/wss' });
    const plain = template();
    expect(JSON.stringify(objectOf(plain, 'Deployment', 'berth-gateway'))).not.toContain('TLS_CERTIFICATE');
  });

  it.each([
    ['http://collector.observability:4318', 4318],
    ['https://collector.example.com', 443],
    ['http://collector.example.com/otlp', 80],
  ])('let the gateway, and nobody else, export traces to %s', (endpoint, port) => {
    const to = '[{"podSelector":{"matchLabels":{"app":"collector"}}}]';
    const values = set(
      `traces.endpoint=${endpoint}`,
      'traces.sampleRate=0.25',
      'traces.headersSecret=collector',
    );
    const objects = template(...values, '--set-json', `traces.to=${to}`);
    const file = settingsTextOf(objects, 'gateway');
    expect(loadSettings({ env: { BERTH_CONFIG: 'x' }, readFile: () => file }).traces).toEqual({
      endpoint,
      sampleRate: 0.25,
    });
    const [container] = objectOf(objects, 'Deployment', 'berth-gateway').spec.template.spec.containers;
    expect(container.env).toContainEqual({
      name: 'OTEL_EXPORTER_OTLP_HEADERS',
      valueFrom: { secretKeyRef: { name: 'collector', key: 'headers' } },
    });
    const egress = (component: string) =>
      objectOf(objects, 'NetworkPolicy', `berth-${component}`).spec.egress as readonly object[];
    const rule = { ports: [{ port }], to: JSON.parse(to) as unknown };
    expect(egress('gateway')).toContainEqual(rule);
    expect(egress('controller')).not.toContainEqual(rule);
    expect(JSON.stringify(template())).not.toMatch(/traces|OTLP/);
  });

  it('say in the notes where it is served, and by which value', () => {
    const notes = (...values: readonly string[]): string =>
      run('helm', ['install', 'berth', CHART, '-n', namespace, '--dry-run=client', ...set(...values)]);
    const served = notes('ingress.enabled=true', 'ingress.hosts={mcp.example.com}');
    expect(served).toContain('It is served at http://mcp.example.com, by ingress.hosts.');
    expect(notes()).toContain('port-forward service/berth-gateway');
    expect(notes('settings.publicUrl=http://127.0.0.1:8053')).toContain('port-forward service/berth-gateway');
    expect(served).not.toContain('port-forward');
  });

  it('run under the restricted profile', () => {
    const pods = VARIANTS.flatMap(([, path]) => template('-f', path)).flatMap(({ kind, spec }) =>
      kind === 'Deployment' ? [spec.template.spec] : kind === 'Pod' ? [spec] : [],
    );
    expect(pods.length).toBeGreaterThan(10);
    for (const pod of pods) {
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const container of pod.containers)
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
    }
  });

  it('prefer different nodes and zones unless told otherwise', () => {
    const { spec } = objectOf(template(), 'Deployment', 'berth-gateway').spec.template;
    const [term] = spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    expect(term).toMatchObject({ weight: 100, podAffinityTerm: { topologyKey: 'kubernetes.io/hostname' } });
    expect(spec.topologySpreadConstraints).toMatchObject([{ topologyKey: 'topology.kubernetes.io/zone' }]);
  });
});
