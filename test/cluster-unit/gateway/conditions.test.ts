/** Changes that are meant for one version of a server of the cluster: decided by the API server, whatever other gateways do meanwhile. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseServerSpec } from '../../../src/servers/server-spec.ts';
import type { ServerVersion } from '../../../src/servers/servers.ts';
import { until } from '../../link/waiting.ts';
import { createFixture, type Fixture, foreignDeployment, settled } from './fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await createFixture();
});
afterEach(() => fixture.close());

const SPEC = parseServerSpec({
  name: 'a',
  source: { npm: { name: 'a-mcp', version: '1.0.0' } },
  labels: { team: 'red' },
});

/** What `If-Match` makes of a server that was read. */
function onlyIf({ id, revision }: ServerVersion) {
  return { onlyIf: (now: ServerVersion) => now.id === id && now.revision === revision };
}

async function there(): Promise<ServerVersion> {
  const { servers, view } = fixture;
  await servers.run(SPEC);
  await until('it is seen', () => view.server('a') !== undefined);
  return await servers.get('a');
}

async function seen(): Promise<void> {
  const { cluster, view } = fixture;
  const version = cluster.get('mcpservers', 'a')?.metadata.resourceVersion;
  await until('what was written', () => view.server('a')?.metadata.resourceVersion === version);
}

describe('a change of an MCPServer with a condition', () => {
  it('is made when the server is what was read', async () => {
    const version = await there();
    const stopped = await fixture.servers.stop('a', onlyIf(version));
    expect(fixture.cluster.get('mcpservers', 'a')?.spec.suspend).toBe(true);
    expect(stopped.revision).not.toBe(version.revision);
    await expect(fixture.servers.start('a', onlyIf(version))).rejects.toMatchObject({
      code: 'precondition-failed',
    });
    await fixture.servers.start('a', onlyIf(stopped));
    expect(fixture.cluster.get('mcpservers', 'a')?.spec.suspend).toBe(false);
  });

  it('is refused when another gateway was quicker, though this one has not seen it yet', async () => {
    const version = await there();
    const { cluster, servers } = fixture;
    let once = true;
    cluster.intercept = ({ method }) => {
      // Between reading and writing somebody else changes what is wanted.
      if (method === 'PATCH' && once) {
        once = false;
        const now = cluster.get('mcpservers', 'a');
        cluster.put('mcpservers', { ...now, spec: { ...now?.spec, replicas: 3 } } as never);
      }
      return false;
    };
    await expect(servers.stop('a', onlyIf(version))).rejects.toMatchObject({ code: 'precondition-failed' });
    expect(cluster.get('mcpservers', 'a')?.spec).toMatchObject({ replicas: 3 });
    expect(cluster.get('mcpservers', 'a')?.spec.suspend).toBeUndefined();
  });

  it('is made all the same when only the status was written meanwhile', async () => {
    const version = await there();
    const { cluster, servers } = fixture;
    let writes = 0;
    cluster.intercept = ({ method }) => {
      if (method === 'PATCH' && writes++ < 3)
        cluster.observe('mcpservers', 'a', {
          state: 'starting',
          reason: `r${writes}`,
          message: 'm',
          conditions: [],
        });
      return false;
    };
    await servers.scale('a', 2, onlyIf(version));
    expect(cluster.get('mcpservers', 'a')?.spec.replicas).toBe(2);
    expect(writes).toBeGreaterThan(3);
  });

  it('gives up when it is always too late', async () => {
    const version = await there();
    const { cluster, servers } = fixture;
    cluster.intercept = ({ method }) => {
      if (method === 'PATCH')
        cluster.observe('mcpservers', 'a', { state: 'starting', reason: 'r', message: 'm', conditions: [] });
      return false;
    };
    await expect(servers.stop('a', onlyIf(version))).rejects.toMatchObject({ code: 'conflict' });
    expect(cluster.get('mcpservers', 'a')?.spec.suspend).toBeUndefined();
  });

  it('counts a restart, which is no new generation', async () => {
    const version = await there();
    const restarted = await fixture.servers.restart('a', onlyIf(version));
    await seen();
    expect((await fixture.servers.get('a')).revision).not.toBe(version.revision);
    await expect(fixture.servers.remove('a', onlyIf(version))).rejects.toMatchObject({
      code: 'precondition-failed',
    });
    await fixture.servers.remove('a', onlyIf(await fixture.servers.get('a')));
    expect(fixture.cluster.get('mcpservers', 'a')).toBeUndefined();
    expect(restarted.id).toBe(version.id);
  });

  it('is not made of a server of the same name that was made anew', async () => {
    const version = await there();
    const { cluster, servers } = fixture;
    cluster.remove('mcpservers', 'a');
    await servers.run(SPEC);
    await expect(servers.remove('a', onlyIf(version))).rejects.toMatchObject({ code: 'precondition-failed' });
    cluster.remove('mcpservers', 'a');
    await expect(servers.remove('a', onlyIf(version))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a change of a Deployment that was found, with a condition', () => {
  it('is made of the version that was read, and of no other', async () => {
    const { cluster, servers, view } = fixture;
    cluster.put('deployments', { ...foreignDeployment('other', 1), status: settled(1) });
    await until('it is seen', () => view.deployment('other') !== undefined);
    const version = await servers.get('other');
    await servers.scale('other', 2, onlyIf(version));
    expect(cluster.get('deployments', 'other')?.spec.replicas).toBe(2);
    await expect(servers.stop('other', onlyIf(version))).rejects.toMatchObject({
      code: 'precondition-failed',
    });
    expect(cluster.get('deployments', 'other')?.spec.replicas).toBe(2);
  });
});

describe('labels of a server', () => {
  it('are those of its object, but for what programs put there', async () => {
    await there();
    const { cluster, servers } = fixture;
    const object = cluster.get('mcpservers', 'a');
    expect(object?.metadata.labels).toEqual({ team: 'red' });
    expect(object?.spec.labels).toBeUndefined();
    const labels = { ...object?.metadata.labels, 'app.kubernetes.io/managed-by': 'x', by: 'hand' };
    cluster.put('mcpservers', { ...object, metadata: { ...object?.metadata, labels } } as never);
    await seen();
    const { labels: shown, spec } = await servers.get('a');
    expect([shown, spec?.labels]).toEqual([
      { team: 'red', by: 'hand' },
      { team: 'red', by: 'hand' },
    ]);
    // The same again is the same server, whatever somebody has added since.
    expect(await servers.run(SPEC)).toMatchObject({ created: false });
    await expect(servers.run({ ...SPEC, labels: { team: 'blue' } })).rejects.toMatchObject({
      code: 'conflict',
    });
  });
});

describe('what becomes of servers', () => {
  it('is told by name, for those that are there already as well', async () => {
    const { cluster, servers, view } = fixture;
    await there();
    cluster.put('deployments', foreignDeployment('other', 1));
    await until('it is seen', () => view.deployment('other') !== undefined);
    const told: string[] = [];
    const leave = servers.watch((name) => told.push(name));
    await until('both are told', () => told.includes('a') && told.includes('other'));
    told.length = 0;
    await servers.stop('a');
    await until('the change is told', () => told.includes('a'));
    expect(await servers.peek('a')).toMatchObject({ name: 'a' });
    expect(await servers.peek('other')).toMatchObject({ managed: false });
    expect(servers.peek('nobody')).toBeUndefined();
    leave();
    told.length = 0;
    await servers.remove('a');
    await until('it is gone', () => view.server('a') === undefined);
    expect(told).toEqual([]);
  });
});
