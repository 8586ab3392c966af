/** What pods have in a network with certificate authorities and image registries of its own. */
import { describe, expect, it } from 'vitest';
import { generationOf } from '../../src/cluster/objects/config-secret.ts';
import { deployment } from '../../src/cluster/objects/deployment.ts';
import { installerJob } from '../../src/cluster/objects/installer-job.ts';
import type { PodSpec } from '../../src/cluster/objects/pod-types.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';

const closed = {
  ...settings,
  caBundle: { configMap: 'authorities', key: 'bundle.pem' },
  pullSecrets: ['registry'],
};
const owner = blueprint(programs.package!).owner;
const podOf = (kind: string, by: typeof settings): PodSpec => {
  if (kind === 'installer') {
    const source = { ecosystem: 'npm', name: 'some-mcp' } as const;
    return installerJob({ owner, source, input: 'abcd1234', attempt: 0 }, by).spec.template.spec;
  }
  const given = blueprint(programs[kind]!);
  const generation = generationOf(given, by).name;
  return deployment({ blueprint: given, settings: by, generation, annotations: {} }).spec.template.spec;
};
const PODS = ['installer', ...Object.keys(programs)];
/** The mount stands in the image of a server too; the helper's container only copies a file. */
const INSIDE = ['installer', 'supervisor', 'workload', 'server'];

describe.each(PODS)('a pod of kind %s', (kind) => {
  it('sees the certificates where its variables say', () => {
    const { containers, initContainers = [], volumes } = podOf(kind, closed);
    expect(volumes).toContainEqual({
      name: 'ca',
      configMap: {
        name: 'authorities',
        defaultMode: 0o444,
        items: [{ key: 'bundle.pem', path: 'bundle.pem' }],
      },
    });
    const inside = [...initContainers, ...containers].filter(({ name }) => INSIDE.includes(name));
    expect(inside.length).toBeGreaterThan(0);
    for (const { volumeMounts } of inside)
      expect(volumeMounts).toContainEqual({ name: 'ca', mountPath: '/etc/berth-ca', readOnly: true });
    // A process gets its variables from the supervisor, or is the one of its image.
    const told = inside.filter(({ name }) => name !== 'workload').flatMap(({ env = [] }) => env);
    expect(told).toContainEqual({ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/berth-ca/bundle.pem' });
    expect(told).toContainEqual({ name: 'SSL_CERT_FILE', value: '/etc/berth-ca/bundle.pem' });
  });

  it('is pulled with the Secrets of the registry', () => {
    expect(podOf(kind, closed).imagePullSecrets).toEqual([{ name: 'registry' }]);
  });

  it('has neither where there are none', () => {
    const text = JSON.stringify(podOf(kind, settings));
    expect(text).not.toMatch(/berth-ca|NODE_EXTRA_CA_CERTS|imagePullSecrets/);
  });
});
