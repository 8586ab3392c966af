/** Servers that need others: started after these, told in a condition what is missing. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Dependency, McpServer, McpServerSpec, McpServerStatus } from '../../src/cluster/mcp-server.ts';
import { MCP_SERVERS, NETWORK_POLICIES } from '../../src/cluster/resources.ts';
import { needsOf } from '../../src/controller/needs.ts';
import { NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const RUNNING: McpServerStatus = {
  ...{ state: 'running', reason: 'Ready', message: '', observedGeneration: 1, ready: '1/1', conditions: [] },
  ...{ replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1, selector: '' },
  ...{ protocolVersion: '2025-11-25', tools: ['find'], serverInfo: { name: 'search', version: '2.1.0' } },
};

function server(
  name: string,
  status?: Partial<McpServerStatus>,
  spec: Partial<McpServerSpec> = {},
): McpServer {
  return {
    metadata: { name, namespace: NAMESPACE, uid: `uid-${name}`, generation: 1 },
    spec: { template: 'x', ...spec },
    ...(status && { status: { ...RUNNING, ...status } }),
  };
}

describe('what is missing', () => {
  const why = (wanted: Omit<Dependency, 'name'>, found?: McpServer): string | undefined =>
    needsOf(server('desk', {}, { dependencies: [{ name: 'search', ...wanted }] }), () => found)[0]?.why;
  const asleep = (status: Partial<McpServerStatus>): McpServer => {
    const found = server('search', { state: 'stopped', readyReplicas: 0, ...status });
    return { ...found, metadata: { ...found.metadata, annotations: { 'berth.dev/asleep': '1' } } };
  };

  it('is a server that is not there, or does not run', () => {
    expect(why({})).toBe('search, which is not there');
    expect(why({}, server('search'))).toBe('search, which is pending');
    expect(why({}, server('search', { state: 'failed', readyReplicas: 0 }))).toBe('search, which is failed');
    expect(why({}, server('search', {}))).toBeUndefined();
    expect(why({}, server('search', { state: 'degraded' }))).toBeUndefined();
    expect(why({}, server('search', { state: 'scaling', readyReplicas: 1 }))).toBeUndefined();
  });

  it('is not one that sleeps, which a call wakes', () => {
    expect(why({}, asleep({}))).toBeUndefined();
    const { protocolVersion: _none, ...never } = RUNNING;
    expect(why({}, { ...asleep({}), status: { ...never, state: 'stopped', readyReplicas: 0 } })).toBe(
      'search, which is stopped',
    );
  });

  it('is a tool that it does not offer', () => {
    expect(why({ tools: ['find'] }, server('search', {}))).toBeUndefined();
    expect(why({ tools: ['find', 'fetch'] }, server('search', {}))).toBe(
      'search, which does not offer fetch',
    );
  });

  it.each<readonly [string, Partial<McpServerStatus>, string | undefined]>([
    ['^2', {}, undefined],
    ['>=3', {}, 'search >=3, which is 2.1.0'],
    ['*', {}, undefined],
    ['^1.2', { package: { ecosystem: 'npm', name: 'x', version: '1.4.0' } }, undefined],
    [
      '>=1.2 <2',
      { package: { ecosystem: 'npm', name: 'x', version: '2.0.0' } },
      'search >=1.2 <2, which is 2.0.0',
    ],
    ['>=2025.4,<2026', { package: { ecosystem: 'pypi', name: 'x', version: '2025.4.8' } }, undefined],
    ['~=1.4', { package: { ecosystem: 'pypi', name: 'x', version: '2.0' } }, 'search ~=1.4, which is 2.0'],
    ['^1', { package: { ecosystem: 'pypi', name: 'x', version: '1.9.post1' } }, undefined],
    ['>=1', { serverInfo: { name: 'x', version: '' } }, 'search >=1, which is of an unknown version'],
    ['no range', {}, 'search no range, which is 2.1.0'],
  ])('is a version outside of %s: %j', (version, status, wanted) => {
    expect(why({ version }, server('search', status))).toBe(wanted);
  });
});

describe('a server that needs another one', () => {
  const IMAGE: McpServerSpec = {
    source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
    dependencies: [{ name: 'search', tools: ['find'] }],
  };
  let world: ServerWorld;
  beforeEach(() => {
    world = new ServerWorld();
  });
  const there = (one: McpServer): void => world.cluster.put(MCP_SERVERS, one);
  const condition = ({ conditions }: McpServerStatus) => {
    const found = conditions.find(({ type }) => type === 'Dependencies');
    return found && [found.status, found.reason, found.message];
  };

  it('waits for it without pods, says for what, and starts when it is there', async () => {
    world.apply(IMAGE);
    const waiting = await world.settle();
    expect(waiting).toMatchObject({
      ...{ state: 'pending', reason: 'WaitingForDependencies' },
      message: 'demo waits for search, which is not there',
      dependencies: [{ name: 'search', met: false, message: 'search, which is not there' }],
    });
    expect(waiting.hint).toContain('Start what is missing (search)');
    expect(condition(waiting)).toEqual(['False', 'Missing', 'needs search, which is not there']);
    expect(world.deployments).toEqual([]);
    there(server('search', { tools: [] }));
    expect((await world.look()).message).toBe('demo waits for search, which does not offer find');
    there(server('search', {}));
    const status = await world.settle();
    expect(status).toMatchObject({ state: 'running', dependencies: [{ name: 'search', met: true }] });
    expect(condition(status)).toEqual(['True', 'Met', 'search: there']);
  });

  it('goes on when it is lost, and says so; after a stop it waits again', async () => {
    there(server('search', {}));
    world.apply(IMAGE);
    await world.settle();
    world.cluster.drop(MCP_SERVERS, { namespace: NAMESPACE, name: 'search' });
    const status = await world.settle();
    expect(status).toMatchObject({ state: 'running', ready: '1/1' });
    expect(condition(status)?.[0]).toBe('False');
    world.apply({ ...IMAGE, suspend: true });
    expect(await world.settle()).toMatchObject({ state: 'stopped' });
    world.apply(IMAGE);
    expect(await world.settle()).toMatchObject({ state: 'pending', reason: 'WaitingForDependencies' });
    expect(world.deployment.spec.replicas).toBe(0);
  });

  it('does not wait for what is optional', async () => {
    world.apply({ ...IMAGE, dependencies: [{ name: 'search', optional: true }] });
    const status = await world.settle();
    expect(status.state).toBe('running');
    expect(condition(status)).toEqual(['True', 'OptionalMissing', 'without search, which is not there']);
  });

  it('that needs it back is told, instead of waiting for ever', async () => {
    there(server('search', { state: 'pending', readyReplicas: 0 }, { dependencies: [{ name: 'third' }] }));
    there(server('third', { state: 'pending', readyReplicas: 0 }, { dependencies: [{ name: NAME }] }));
    world.apply(IMAGE);
    expect(await world.look()).toMatchObject({
      ...{ state: 'failed', reason: 'DependencyCycle' },
      message: 'demo waits for search waits for third waits for demo: none of them can be first',
    });
  });

  it('may reach the gateway, and one that needs none may not', async () => {
    const allowed = (): boolean =>
      JSON.stringify(world.cluster.list(NETWORK_POLICIES)).includes(
        '"app.kubernetes.io/component":"gateway"',
      );
    world.apply(IMAGE);
    await world.look();
    expect(allowed()).toBe(true);
    const { dependencies: _none, ...alone } = IMAGE;
    world.apply(alone);
    await world.look();
    expect(allowed()).toBe(false);
  });

  it('is not rolled when it needs another one', async () => {
    there(server('search', {}));
    world.apply(IMAGE);
    await world.settle();
    const { template } = world.deployment.spec;
    world.apply({ ...IMAGE, dependencies: [{ name: 'other' }], description: 'of the desk' });
    await world.settle();
    expect(world.deployment.spec.template).toEqual(template);
  });
});
