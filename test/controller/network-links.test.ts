/** Servers whose links go over the network: their certificates, who gets to them, and what a change of the setting does. */
import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { LINK_PORT } from '../../src/cluster/objects/places.ts';
import { linkPortOf } from '../../src/cluster/pod-carrier.ts';
import { type KubeObject, MCP_SERVERS, NETWORK_POLICIES, SECRETS } from '../../src/cluster/resources.ts';
import { REAPPLY_AFTER } from '../../src/controller/applier.ts';
import { supervisorName } from '../../src/link/tls-identity.ts';
import { CERTIFICATE_LIFE, NAME, NAMESPACE, ServerWorld } from '../support/server-world.ts';

const IMAGE: McpServerSpec = {
  source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
  replicas: 2,
};
const SECRET = { namespace: NAMESPACE, name: `mcp-${NAME}-link` };

let world: ServerWorld;
beforeEach(async () => {
  world = new ServerWorld();
  await world.overNetwork();
});

interface Mounted extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
  readonly immutable?: boolean;
}

const secret = (): Promise<Mounted | undefined> => world.cluster.get<Mounted>(SECRETS, SECRET);
const certificate = async (): Promise<X509Certificate> =>
  new X509Certificate(Buffer.from((await secret())?.data['tls.crt'] ?? '', 'base64'));
const ingress = (): readonly object[] => {
  const policies = world.cluster.list<KubeObject & { spec: { ingress: readonly object[] } }>(
    NETWORK_POLICIES,
  );
  return policies.find(({ metadata }) => metadata.name === `mcp-${NAME}`)?.spec.ingress ?? [];
};
const listening = (): (number | undefined)[] => world.replicas.map(linkPortOf);

describe('a server', () => {
  beforeEach(async () => {
    world.apply(IMAGE);
    await world.settle();
  });

  it('has a certificate of its own before its first pod is made, and lets gateways and controller in', async () => {
    const { calls } = world.cluster;
    const made = calls.indexOf(`create secrets ${SECRET.name}`);
    expect(made).toBeGreaterThan(-1);
    expect(made).toBeLessThan(calls.indexOf(`apply deployments mcp-${NAME}`));
    expect((await certificate()).subjectAltName).toBe(`DNS:${supervisorName(world.server.metadata.uid!)}`);
    expect((await secret())?.immutable).toBeUndefined();
    expect(listening()).toEqual([LINK_PORT, LINK_PORT]);
    expect(ingress()).toEqual([expect.objectContaining({ ports: [{ protocol: 'TCP', port: LINK_PORT }] })]);
    expect(await world.look()).toMatchObject({ state: 'running' });
  });

  it('has it renewed under its name before half its life, and its pods stay', async () => {
    const [before, pods] = [await certificate(), world.replicas.map(({ metadata }) => metadata.name)];
    world.time += CERTIFICATE_LIFE / 3 - 60_000;
    await world.look();
    expect((await certificate()).fingerprint).toBe(before.fingerprint);
    world.time += 60_000;
    world.cluster.calls.length = 0;
    await world.look();
    const after = await certificate();
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(after.validToDate.getTime()).toBe(world.time + CERTIFICATE_LIFE);
    expect(world.cluster.calls).toContain(`replace secrets ${SECRET.name}`);
    expect(world.cluster.calls.filter((call) => call.includes('deployments'))).toEqual([]);
    world.cluster.calls.length = 0;
    await world.look();
    expect(world.cluster.calls).toEqual([]);
    expect(world.replicas.map(({ metadata }) => metadata.name)).toEqual(pods);
  });

  it('is told of nothing twice', async () => {
    world.cluster.calls.length = 0;
    await world.look();
    expect(world.cluster.calls).toEqual([]);
  });

  it('gets it again when somebody has removed it', async () => {
    const before = await certificate();
    world.cluster.drop(SECRETS, SECRET);
    world.time += REAPPLY_AFTER;
    await world.look();
    expect((await certificate()).fingerprint).not.toBe(before.fingerprint);
    const renewed = (await certificate()).fingerprint;
    world.time += REAPPLY_AFTER;
    await world.look();
    expect((await certificate()).fingerprint).toBe(renewed);
  });

  it('keeps it over a new leader, and leaves nothing behind when it goes', async () => {
    const before = await certificate();
    world.restart();
    await world.look();
    expect((await certificate()).fingerprint).toBe(before.fingerprint);
    await world.cluster.remove(MCP_SERVERS, { namespace: NAMESPACE, name: NAME });
    expect(world.cluster.names).toEqual([]);
  });

  it('that is in use keeps its port, its certificate and its guests when links go by exec again', async () => {
    world.reports.set('*', { sessions: 3 });
    world.byExec();
    await world.look();
    expect(listening()).toEqual([LINK_PORT, LINK_PORT]);
    expect(await secret()).toBeDefined();
    expect(ingress()).toHaveLength(1);
    world.reports.set('*', { sessions: 0 });
    await world.settle();
    expect(listening()).toEqual([undefined, undefined]);
    expect(await secret()).toBeUndefined();
    expect(ingress()).toEqual([]);
    // And with the network again it gets another one: nobody takes the one of before for there.
    await world.overNetwork();
    await world.settle();
    expect(listening()).toEqual([LINK_PORT, LINK_PORT]);
    expect(await secret()).toBeDefined();
  });
});

it('a server in use that was made for exec stays as it is, and has all that its next pods need', async () => {
  world.byExec();
  world.reports.set('*', { sessions: 1 });
  world.apply(IMAGE);
  await world.settle();
  const { template } = world.deployment.spec;
  await world.overNetwork();
  await world.look();
  expect(world.deployment.spec.template).toEqual(template);
  expect(listening()).toEqual([undefined, undefined]);
  expect(await secret()).toBeDefined();
  expect(ingress()).toHaveLength(1);
});

it('nothing is made while there is no authority', async () => {
  world.authority = undefined;
  world.apply(IMAGE);
  await expect(world.look()).rejects.toMatchObject({
    code: 'busy',
    message: expect.stringContaining('authority'),
  });
  expect(world.deployments).toEqual([]);
  await world.overNetwork();
  expect(await world.settle()).toMatchObject({ state: 'running' });
});

it('an image may not listen where the supervisor does', async () => {
  world.apply({ source: { image: { image: 'ghcr.io/acme/http:1' } }, transport: 'http', port: LINK_PORT });
  expect(await world.look()).toMatchObject({
    state: 'failed',
    message: expect.stringContaining(`${LINK_PORT}`),
  });
  world.byExec();
  expect(await world.settle()).toMatchObject({ state: 'running' });
});
