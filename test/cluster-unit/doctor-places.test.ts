import { expect, it, vi } from 'vitest';
import { findPlaces } from '../../src/cluster/doctor/places.ts';
import { BerthError } from '../../src/errors.ts';

function gateway(release: string, namespace: string, servers?: string) {
  const env = servers === undefined ? [] : [{ name: 'BERTH_SERVERS_NAMESPACE', value: servers }];
  return {
    metadata: {
      name: `${release}-gateway`,
      namespace,
      labels: { 'app.kubernetes.io/instance': release },
    },
    spec: { template: { spec: { containers: [{ name: 'gateway', env }] } } },
  };
}

function clientWith(...items: object[]) {
  return { list: vi.fn(async () => ({ items, metadata: {} })) };
}

const find = (client: object, given = {}, env = {}) => findPlaces(client as never, given, env);

it('is the one installation that is there, wherever its servers are', async () => {
  const client = clientWith(gateway('tools', 'agents', 'elsewhere'));
  expect(await find(client)).toEqual({
    places: { release: 'tools', namespace: 'agents', servers: 'elsewhere' },
    finding: {
      check: 'installation',
      state: 'ok',
      message: 'agents/tools, its servers in elsewhere',
    },
  });
  expect(client.list).toHaveBeenCalledWith(expect.objectContaining({ plural: 'deployments' }), {
    labelSelector: 'app.kubernetes.io/name=berth,app.kubernetes.io/component=gateway',
  });
});

it('is what is said, and the rest of the one that is meant', async () => {
  const client = clientWith(gateway('tools', 'agents', 'elsewhere'));
  const { places } = await find(client, { namespace: 'agents', release: 'tools', servers: 'mine' });
  expect(places).toEqual({ release: 'tools', namespace: 'agents', servers: 'mine' });
  expect(client.list).toHaveBeenCalledWith(expect.anything(), {
    namespace: 'agents',
    labelSelector:
      'app.kubernetes.io/name=berth,app.kubernetes.io/component=gateway,app.kubernetes.io/instance=tools',
  });
});

it('is the one of the documentation where there are several, with a word about the others', async () => {
  const { places, finding } = await find(clientWith(gateway('a', 'b'), gateway('berth', 'mcp')));
  expect(places).toEqual({ release: 'berth', namespace: 'mcp', servers: 'berth-servers' });
  expect(finding).toEqual({
    ...{ check: 'installation', state: 'warning' },
    message: '2 are there: mcp/berth, b/a; this is about mcp/berth',
    fix: 'Say which one: berth doctor -n <namespace> --release <name>.',
  });
});

it('is what would be, where nothing is', async () => {
  const { places, finding } = await find(clientWith(), { release: 'new' });
  expect(places).toEqual({ release: 'new', namespace: 'mcp', servers: 'new-servers' });
  expect(finding).toMatchObject({
    state: 'ok',
    message: 'there is none; this is what mcp/new would find',
  });
});

it('is where this pod belongs, unless another is named', async () => {
  const client = clientWith(gateway('other', 'place'));
  const env = { BERTH_RELEASE: 'tools', POD_NAMESPACE: 'agents', BERTH_SERVERS_NAMESPACE: 'elsewhere' };
  const { places, finding } = await find(client, {}, env);
  expect(places).toEqual({ release: 'tools', namespace: 'agents', servers: 'elsewhere' });
  expect(finding).toMatchObject({ state: 'ok', message: 'this pod belongs to agents/tools' });
  expect(client.list).not.toHaveBeenCalled();
  expect((await find(client, { release: 'other' }, env)).places).toMatchObject({ release: 'other' });
});

it('is the one of the documentation where nobody may look', async () => {
  const list = () => Promise.reject(new BerthError('cluster-refused', 'deployments is forbidden'));
  const { places, finding } = await find({ list });
  expect(places).toEqual({ release: 'berth', namespace: 'mcp', servers: 'berth-servers' });
  expect(finding).toMatchObject({ state: 'unknown', message: 'deployments is forbidden' });
});
