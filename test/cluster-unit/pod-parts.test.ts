/** How the containers of a pod of a server are kept apart, and how one that hangs is found. */
import { describe, expect, it } from 'vitest';
import type { Blueprint } from '../../src/cluster/objects/blueprint.ts';
import { generationOf } from '../../src/cluster/objects/config-secret.ts';
import { type Deployment, deployment } from '../../src/cluster/objects/deployment.ts';
import type { Container } from '../../src/cluster/objects/pod-types.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';

const KINDS = Object.entries(programs);
const deploymentOf = (given: Blueprint): Deployment =>
  deployment({
    blueprint: given,
    settings,
    generation: generationOf(given, settings).name,
    annotations: {},
  });
const containersOf = ({ spec }: Deployment): Container[] => [
  ...(spec.template.spec.initContainers ?? []),
  ...spec.template.spec.containers,
];

it.each(KINDS.filter(([, { kind }]) => kind !== 'remote'))(
  'no server of kind %s can write where another container of its pod looks',
  (_kind, program) => {
    const mounts = containersOf(deploymentOf(blueprint(program))).flatMap(({ name, volumeMounts }) =>
      volumeMounts.map((mount) => ({ ...mount, isServers: name === 'workload' })),
    );
    const written = mounts.filter(({ isServers, readOnly }) => isServers && !readOnly);
    const others = new Set(mounts.filter(({ isServers }) => !isServers).map(({ name }) => name));
    expect(written.map(({ name }) => name)).toContain('tmp');
    expect(written.filter(({ name }) => others.has(name))).toEqual([]);
  },
);

describe('the probes of a supervisor', () => {
  const supervisorOf = (kind: string): Container => {
    const found = containersOf(deploymentOf(blueprint(programs[kind]!))).find(
      ({ name }) => name === 'supervisor',
    );
    if (!found) throw new Error(`${kind} has no supervisor`);
    return found;
  };
  const maxAge = (probe: Container['readinessProbe']): number => {
    const command = probe?.exec?.command ?? [];
    return Number(command[command.indexOf('--max-age') + 1]);
  };

  it.each(KINDS)('of kind %s find one that hangs, and are in no hurry to end it', (kind) => {
    const { readinessProbe: ready, livenessProbe: live } = supervisorOf(kind);
    const [readyAge, liveAge] = [maxAge(ready), maxAge(live)];
    // The status is written every second.
    expect(readyAge).toBeGreaterThanOrEqual(3);
    expect(readyAge + ready!.periodSeconds * ready!.failureThreshold).toBeLessThanOrEqual(10);
    // Only silence in all of the time between the first and the last failure counts.
    expect(liveAge).toBeGreaterThan(live!.periodSeconds);
    const silence = liveAge + live!.periodSeconds * (live!.failureThreshold - 1);
    expect(silence).toBeGreaterThanOrEqual(60);
    expect(silence + live!.periodSeconds).toBeLessThanOrEqual(90);
  });

  it.each(KINDS)('of kind %s cost an idle node little: not one in three seconds', (kind) => {
    const { readinessProbe: ready, livenessProbe: live } = supervisorOf(kind);
    expect(1 / ready!.periodSeconds + 1 / live!.periodSeconds).toBeLessThan(1 / 3);
    // What is not ready yet is told at once, and within the time that kubelet gives the probe.
    const command = ready!.exec!.command;
    const waitMs = Number(command[command.indexOf('--wait-ms') + 1]);
    expect(waitMs).toBeGreaterThan(0);
    expect(waitMs).toBeLessThan(ready!.periodSeconds * 1_000);
    expect(waitMs * 2).toBeLessThan(ready!.timeoutSeconds * 1_000);
  });

  it.each(KINDS)('of kind %s do not have what hangs waited for as for sessions that end', (kind) => {
    const { spec } = deploymentOf(blueprint(programs[kind]!)).spec.template;
    for (const { livenessProbe } of [...(spec.initContainers ?? []), ...spec.containers])
      if (livenessProbe)
        expect(livenessProbe.terminationGracePeriodSeconds).toBeLessThan(spec.terminationGracePeriodSeconds);
  });

  it('read what no full disk can keep from being written', () => {
    const { volumes } = deploymentOf(blueprint(programs.package!)).spec.template.spec;
    expect(volumes.find(({ name }) => name === 'status')?.emptyDir?.medium).toBe('Memory');
  });
});
