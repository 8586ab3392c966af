/** What values make of the objects that stand between agents and a release: routes, budgets, scaling, places. */

import { describe, expect, it } from 'vitest';
import { parseControllerSettings } from '../../src/controller/settings.ts';
import { type Manifest, objectOf, render, set, settingsTextOf } from './support/rendered.ts';
import { CHART } from './support/tools.ts';

const template = (...args: readonly string[]): Manifest[] => render('mcp', args);
const production = (): Manifest[] => template('-f', `${CHART}/ci/production-values.yaml`);
const extended = (): Manifest[] => template('-f', `${CHART}/ci/extended-values.yaml`);
const podOf = (objects: readonly Manifest[], component: string) =>
  objectOf(objects, 'Deployment', `berth-${component}`).spec.template.spec;

describe('streams', () => {
  it('are neither held back nor ended by an Ingress of nginx', () => {
    const { metadata, spec } = objectOf(production(), 'Ingress', 'berth');
    expect(metadata.annotations).toMatchObject({
      'nginx.ingress.kubernetes.io/proxy-read-timeout': '3600',
      'nginx.ingress.kubernetes.io/proxy-send-timeout': '3600',
      'nginx.ingress.kubernetes.io/proxy-buffering': 'off',
      'nginx.ingress.kubernetes.io/proxy-request-buffering': 'off',
    });
    const [rule] = spec.rules;
    expect(rule).toMatchObject({ host: 'berth.example.com' });
    expect(rule.http.paths).toMatchObject([
      { path: '/', backend: { service: { name: 'berth-gateway', port: { name: 'http' } } } },
    ]);
  });

  it('have no time limit in an HTTPRoute unless one is given', () => {
    const args = ['-f', `${CHART}/ci/gateway-api-values.yaml`];
    const timeoutsOf = (...more: readonly string[]) =>
      objectOf(template(...args, ...more), 'HTTPRoute', 'berth').spec.rules.map(
        ({ timeouts }: Manifest) => timeouts,
      );
    expect(timeoutsOf()).toEqual([{ request: '0s', backendRequest: '0s' }]);
    expect(timeoutsOf(...set('httpRoute.timeouts.request=90s'))).toEqual([
      { request: '90s', backendRequest: '0s' },
    ]);
  });
});

describe('the Service', () => {
  it('has the port of the nodes that is given, and leaves it to the cluster otherwise', () => {
    const portOf = (objects: readonly Manifest[]) =>
      objectOf(objects, 'Service', 'berth-gateway').spec.ports[0];
    expect(portOf(extended())).toMatchObject({ port: 8053, nodePort: 30853 });
    expect(portOf(template(...set('gateway.service.type=NodePort')))).not.toHaveProperty('nodePort');
  });
});

describe('a drain of a node', () => {
  it.each(['gateway', 'controller'])(
    'takes one pod of the %s at a time, and those that are not ready',
    (component) => {
      const { spec } = objectOf(template(), 'PodDisruptionBudget', `berth-${component}`);
      expect(spec).toMatchObject({
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: { 'app.kubernetes.io/component': component } },
      });
      expect(spec.minAvailable).toBeUndefined();
    },
  );

  it('needs no budget where none is wanted', () => {
    const objects = template(...set('gateway.podDisruptionBudget.enabled=false'));
    expect(() => objectOf(objects, 'PodDisruptionBudget', 'berth-gateway')).toThrow(/there is no/);
  });
});

describe('an autoscaler', () => {
  it('scales the gateway by its figures, and the Deployment then has no count of its own', () => {
    const objects = production();
    const { spec } = objectOf(objects, 'HorizontalPodAutoscaler', 'berth-gateway');
    expect(spec).toMatchObject({
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'berth-gateway' },
      minReplicas: 3,
      behavior: { scaleDown: { stabilizationWindowSeconds: 600 } },
    });
    expect(spec.maxReplicas).toBeGreaterThan(3);
    const cpu = spec.metrics.find(({ resource }: Manifest) => resource.name === 'cpu');
    expect(cpu.resource.target).toMatchObject({ type: 'Utilization' });
    expect(objectOf(objects, 'Deployment', 'berth-gateway').spec.replicas).toBeUndefined();
    expect(objectOf(template(), 'Deployment', 'berth-gateway').spec.replicas).toBe(2);
  });
});

describe('pods of the release', () => {
  it.each(['gateway', 'controller'])('of the %s prefer a node without one of their kind', (component) => {
    const { affinity } = podOf(template(), component);
    const [term] = affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution;
    expect(term.podAffinityTerm).toMatchObject({
      topologyKey: 'kubernetes.io/hostname',
      labelSelector: { matchLabels: { 'app.kubernetes.io/component': component } },
    });
  });

  it('have users of their own, of the node, or what the cluster thinks right', () => {
    expect(podOf(template(), 'gateway')).not.toHaveProperty('hostUsers');
    for (const hostUsers of [true, false])
      expect(podOf(template(...set(`gateway.hostUsers=${hostUsers}`)), 'gateway').hostUsers).toBe(hostUsers);
  });

  it('know the certificates and the proxy of a closed network', () => {
    const objects = production();
    for (const component of ['gateway', 'controller']) {
      const [{ env }] = podOf(objects, component).containers;
      const variable = (name: string) => env.find((one: Manifest) => one.name === name)?.value;
      expect(variable('NODE_EXTRA_CA_CERTS')).toMatch(/^\//);
      expect(variable('HTTPS_PROXY')).toBe('http://proxy.example.com:3128');
      expect(variable('NO_PROXY')).toContain('.example.com');
    }
  });

  it('take authorities from a ConfigMap that is there, under its key, and servers do too', () => {
    const objects = extended();
    const configMap = { name: 'company-authorities' };
    for (const component of ['gateway', 'controller', 'trees']) {
      const { containers, volumes } = podOf(objects, component);
      const [{ env, volumeMounts }] = containers;
      expect(env).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/berth/ca/bundle.pem' });
      expect(volumeMounts).toContainEqual({ name: 'ca', mountPath: '/etc/berth/ca', readOnly: true });
      expect(volumes).toContainEqual({ name: 'ca', configMap });
    }
    const { caBundle } = JSON.parse(settingsTextOf(objects, 'controller'));
    expect(caBundle).toEqual({ configMap: configMap.name, key: 'bundle.pem' });
    const made = objects.filter(({ kind, metadata }) => kind === 'ConfigMap' && /-ca$/.test(metadata.name));
    expect(made).toEqual([]);
  });

  it('run under the ids of the values, and under those that the cluster assigns', () => {
    const idsOf = (objects: Manifest[], component: string) => {
      const { runAsUser, runAsGroup, fsGroup, runAsNonRoot } = podOf(objects, component).securityContext;
      return [runAsUser, runAsGroup, fsGroup, runAsNonRoot];
    };
    const assigned = template(
      ...set(...['runAsUser', 'runAsGroup', 'fsGroup'].map((name) => `podSecurityContext.${name}=auto`)),
    );
    // As the values of an older release, which a later one may be given.
    const without = template(...set('podSecurityContext=null'));
    for (const component of ['gateway', 'controller', 'trees']) {
      expect(idsOf(without, component)).toEqual([10_001, 10_001, 10_001, true]);
      expect(idsOf(template(), component)).toEqual([10_001, 10_001, 10_001, true]);
      expect(idsOf(extended(), component)).toEqual([1_000_650_000, undefined, 1_000_650_000, true]);
      expect(idsOf(assigned, component)).toEqual([undefined, undefined, undefined, true]);
    }
  });

  it('of the gateway have the containers of others beside their own, and no other pod has', () => {
    const objects = extended();
    const { initContainers, containers } = podOf(objects, 'gateway');
    const names = (of: readonly Manifest[]) => of.map(({ name }) => name);
    expect([names(initContainers), names(containers)]).toEqual([
      ['prepare', 'mesh'],
      ['gateway', 'ship-logs'],
    ]);
    for (const component of ['controller', 'trees']) {
      const other = podOf(objects, component);
      expect([other.initContainers, other.containers.length]).toEqual([undefined, 1]);
    }
  });
});

it('the checks of servers are those of the settings', () => {
  const objects = template(...set('settings.health.interval=1m', 'settings.health.timeout=5s'));
  const { health } = JSON.parse(settingsTextOf(objects, 'controller'));
  expect(parseControllerSettings(JSON.parse(settingsTextOf(objects, 'controller'))).health).toEqual({
    interval: 60_000,
    timeout: 5_000,
  });
  expect(health).toEqual({ interval: '1m', timeout: '5s' });
});

describe('the image of archon servers', () => {
  const settingsOf = (...values: readonly string[]) =>
    JSON.parse(settingsTextOf(template(...set(...values)), 'controller'));

  it('is that of the values', () => {
    const { archonImage, allowedImages } = settingsOf(
      'images.archon.repository=team/archon',
      'images.archon.tag=v2',
    );
    expect(archonImage).toBe('team/archon:v2');
    expect(allowedImages).toContain('team/archon:');
  });

  it('is that of the older variable where the controller is given one, and the policy allows it', () => {
    const values = [
      'controller.extraEnv[0].name=ARCHON_MCP_IMAGE',
      'controller.extraEnv[0].value=old/archon:1',
    ];
    const { archonImage, allowedImages } = settingsOf(...values);
    expect(archonImage).toBe('old/archon:1');
    expect(allowedImages).toContain('old/archon:1');
    const objects = template(...set(...values));
    expect(JSON.stringify(objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy'))).toContain(
      'old/archon:1',
    );
  });
});
