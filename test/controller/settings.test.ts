import { describe, expect, it } from 'vitest';
import { parseControllerSettings } from '../../src/controller/settings.ts';

const LEAST = {
  release: 'berth',
  releaseNamespace: 'mcp',
  serversNamespace: 'berth-servers',
  images: { supervisor: 's:1', runner: 'r:1' },
};

describe('the settings of the controller', () => {
  it('need little, and have a default for the rest', () => {
    const { allow, pods, placement, limits } = parseControllerSettings(LEAST);
    expect(allow).toMatchObject({ npm: true, images: false });
    expect(pods).toMatchObject({ release: 'berth', pullPolicy: 'IfNotPresent', remoteHosts: [] });
    expect(pods).not.toHaveProperty('hostUsers');
    expect([placement, limits]).toEqual([{}, {}]);
  });

  it('take the limits of a server as the gateway writes them, and only those that are given', () => {
    const given = { idle: '10m', lineBytes: '1MiB', servers: 5, parallelStarts: 2 };
    expect(parseControllerSettings({ ...LEAST, limits: given }).limits).toEqual({
      idle: 600_000,
      lineBytes: 1_048_576,
    });
  });

  it('take the checks of a server likewise', () => {
    const given = (health: object) => parseControllerSettings({ ...LEAST, health }).health;
    expect(given({ interval: '1m', timeout: '5s' })).toEqual({ interval: 60_000, timeout: 5_000 });
    expect([given({ interval: 'off' }), given({})]).toEqual([{ interval: 0 }, {}]);
  });

  it('take amounts as numbers, as the values of a chart have them', () => {
    const limits = { cpu: 1, memory: 268_435_456 };
    const { pods } = parseControllerSettings({
      ...LEAST,
      resources: { workload: { limits }, installer: { requests: { cpu: 0.5 } } },
      ...{ treeSize: 1_073_741_824, scratchSize: '2Gi' },
    });
    expect(pods.resources.workload.limits).toEqual({ cpu: '1', memory: '268435456' });
    expect(pods.resources.installer.requests).toEqual({ cpu: '0.5' });
    expect([pods.treeSize, pods.scratchSize]).toEqual(['1073741824', '2Gi']);
  });

  it('take no amount of bytes in thousandths', () => {
    for (const wrong of [{ treeSize: '4m' }, { resources: { workload: { limits: { memory: '512m' } } } }])
      expect(() => parseControllerSettings({ ...LEAST, ...wrong })).toThrow('amount of bytes such as 512Mi');
  });

  it('tell installers which packages may be had, where that is said', () => {
    expect(parseControllerSettings(LEAST).pods.installerEnv).toEqual([]);
    const { packages, pods } = parseControllerSettings({
      ...LEAST,
      packages: { block: ['npm:left-pad@1.*'] },
    });
    const rules = { allow: [], block: ['npm:left-pad@1.*'], npmSignatures: 'offered' };
    expect(packages).toMatchObject(rules);
    expect(pods.installerEnv).toEqual([{ name: 'BERTH_INSTALL_RULES', value: JSON.stringify(rules) }]);
  });

  it('tell installers how long a registry may say nothing, where that is said', () => {
    const { pods } = parseControllerSettings({ ...LEAST, packages: { registrySilence: '20s' } });
    expect(pods.installerEnv).toEqual([{ name: 'BERTH_INSTALL_SILENCE', value: '20000' }]);
  });

  it('give pods a port for links over the network, and only there', () => {
    expect(parseControllerSettings(LEAST).pods).not.toHaveProperty('linkPort');
    const { pods, certificateDays } = parseControllerSettings({ ...LEAST, carrier: 'network' });
    expect([pods.linkPort, certificateDays]).toEqual([8643, 30]);
  });

  it.each([
    [{ release: '' }, '/release'],
    [{ nonsense: 1 }, '/'],
    [{ carrier: 'tcp' }, '/carrier'],
    [{ certificateDays: 91 }, '/certificateDays'],
    [{ packages: { allow: ['no such pattern'] } }, '/packages/allow/0'],
    [{ resources: { workload: { limits: { gpu: '1' } } } }, '/resources/workload/limits'],
    [{ resources: { workload: { limits: { cpu: 'much' } } } }, '/resources/workload/limits/cpu'],
    [{ treeSize: 'large' }, '/treeSize'],
    [{ limits: { idle: 'off' } }, '/limits/idle: expected a duration'],
    [{ health: { timeout: '2m' } }, '/health/timeout: expected a duration of 1s to 60s'],
  ])('name what is wrong with %j', (wrong, pointer) => {
    expect(() => parseControllerSettings({ ...LEAST, ...wrong })).toThrow(
      expect.objectContaining({ code: 'bad-setting', message: expect.stringContaining(pointer) }),
    );
  });
});
