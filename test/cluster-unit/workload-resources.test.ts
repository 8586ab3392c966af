import { expect, it } from 'vitest';
import type { Resources } from '../../src/cluster/mcp-server.ts';
import { deployment } from '../../src/cluster/objects/deployment.ts';
import type { Container } from '../../src/cluster/objects/pod-types.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';

const DEFAULTS: Resources = {
  requests: { cpu: '100m', memory: '128Mi' },
  limits: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '1e9' },
};

/** Of the container that runs the server's own program. */
function resourcesOf(given: Resources, kind: string): Container['resources'] {
  const by = { ...settings, resources: { ...settings.resources, workload: DEFAULTS } };
  const made = blueprint(programs[kind]!, { resources: given });
  const { spec } = deployment({ blueprint: made, settings: by, generation: 'g', annotations: {} }).spec
    .template;
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  return all.find(({ name }) => name === 'workload')?.resources;
}

const CASES: readonly (readonly [string, Resources, Resources])[] = [
  ['nothing', {}, DEFAULTS],
  [
    'a limit below the default request',
    { limits: { memory: '64Mi' } },
    { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '64Mi' } },
  ],
  [
    'a limit above the default request',
    { limits: { memory: '2Gi', cpu: '0.05' } },
    { requests: { cpu: '0.05', memory: '128Mi' }, limits: { memory: '2Gi', cpu: '0.05' } },
  ],
  [
    'a request above the default limit',
    { requests: { memory: '2Gi' } },
    { requests: { memory: '2Gi' }, limits: { ...DEFAULTS.limits, memory: '2Gi' } },
  ],
  [
    'a request below the default limit, and one that nobody here can compare',
    { requests: { cpu: '200m', 'ephemeral-storage': '5Gi' } },
    { requests: { cpu: '200m', 'ephemeral-storage': '5Gi' }, limits: DEFAULTS.limits! },
  ],
  [
    'both, which the API server may judge',
    { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } },
    { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } },
  ],
];

it.each(['package', 'http image'])(
  'a server of kind %s has the defaults, where they go with what it says',
  (kind) => {
    const found = CASES.map(([what, given]) => [what, resourcesOf(given, kind)]);
    expect(found).toEqual(CASES.map(([what, , expected]) => [what, expected]));
  },
);
