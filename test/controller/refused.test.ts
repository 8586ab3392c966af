/** What the API server refuses to take, and what may not be run any more: it is told, and stops all the same. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ApiStatus, refusalError } from '../../src/cluster/api-status.ts';
import { ASLEEP } from '../../src/cluster/asleep.ts';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import type { Interceptor } from '../support/fake-cluster.ts';
import { ServerWorld } from '../support/server-world.ts';

const IMAGE: McpServerSpec = {
  source: { image: { image: 'ghcr.io/acme/mcp:1', entrypoint: ['/mcp'] } },
  replicas: 2,
};
const PACKAGE: McpServerSpec = { source: { npm: { name: '@modelcontextprotocol/server-everything' } } };
const NEXT: McpServerSpec = { ...IMAGE, args: ['--new'] };

const INVALID = 'Deployment.apps "mcp-demo" is invalid: requests: must be less than or equal to memory limit';
const QUOTA =
  'secrets "x" is forbidden: exceeded quota: few, requested: count/secrets=1, used: 9, limited: 9';
const POLICY = 'admission webhook "validate.kyverno.svc" denied the request: only tuesdays';
const RIGHT =
  'deployments.apps "mcp-demo" is forbidden: User "berth" cannot patch resource "deployments" in API group "apps" in the namespace "x"';

let world: ServerWorld;
beforeEach(() => {
  world = new ServerWorld();
});

/** The API server answers so to calls that say `which`. */
function refuse(which: RegExp, code: number, message: string): void {
  const intercept: Interceptor = ({ verb, plural }) => {
    if (!which.test(`${verb} ${plural}`)) return;
    throw refusalError(`${verb} ${plural}`, new ApiStatus(code, { message, reason: '' }));
  };
  world.cluster.before = intercept;
}

describe('what the API server refuses', () => {
  it.each<readonly [string, RegExp, number, string, string, RegExp]>([
    ['a Deployment that is not valid', /apply deployments/, 422, INVALID, 'Refused', /spec\.resources/],
    ['a Deployment that it cannot read', /apply deployments/, 400, 'bad', 'Refused', /spec\.resources/],
    ['a Secret that is too large', /create secrets/, 413, 'too large', 'Refused', /spec\.resources/],
    ['a Deployment by a policy', /apply deployments/, 403, POLICY, 'Refused', /validate\.kyverno\.svc/],
    ['a policy by itself', /apply networkpolicies/, 400, POLICY, 'Refused', /validate\.kyverno\.svc/],
    ['a Secret by a quota', /create secrets/, 403, QUOTA, 'QuotaExceeded', /ResourceQuota/],
    ['what our account may not do', /apply deployments/, 403, RIGHT, 'Refused', /Grant berth/],
  ])('is told in its words, with what to do: %s', async (_what, which, code, message, reason, hint) => {
    world.apply(IMAGE);
    refuse(which, code, message);
    const { status, again } = await world.outcome();
    expect(status).toMatchObject({ state: 'failed', reason, phase: 'schedule' });
    expect([status.message, status.hint]).toEqual([
      expect.stringContaining(message),
      expect.stringMatching(hint),
    ]);
    expect(status.conditions.find(({ type }) => type === 'Degraded')).toMatchObject({
      ...{ status: 'True', reason, message: expect.stringContaining(message) },
    });
    expect(again).toBeGreaterThan(0);
    // Not as often, when it stays so.
    expect((await world.outcome()).again).toBeGreaterThan(again!);
    world.cluster.before = () => {};
    expect(await world.settle()).toMatchObject({ state: 'running', reason: 'Ready' });
  });

  it('is told of the Job of a package, too', async () => {
    world.apply(PACKAGE);
    refuse(/apply jobs/, 403, QUOTA);
    expect(await world.look()).toMatchObject({ state: 'failed', reason: 'QuotaExceeded' });
  });

  it('leaves the version before as it is', async () => {
    world.apply(IMAGE);
    await world.settle();
    const before = world.deployment;
    world.apply(NEXT);
    refuse(/apply deployments/, 422, INVALID);
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'Refused', ready: '2/2' });
    expect(world.deployment).toEqual(before);
  });

  it.each([409, 410, 429, 500, 503, 504])('is tried again at once where it may pass: %s', async (code) => {
    world.apply(IMAGE);
    refuse(/apply deployments/, code, 'not now');
    await expect(world.outcome()).rejects.toThrow('not now');
  });
});

const STOPS: readonly (readonly [string, Partial<McpServerSpec>, string])[] = [
  ['is suspended', { suspend: true }, 'Suspended'],
  ['is to have no replicas', { replicas: 0 }, 'ScaledToZero'],
];

describe('a server stops', () => {
  it.each(STOPS)('that %s, although its new version is refused', async (_what, change, reason) => {
    world.apply(IMAGE);
    await world.settle();
    const { template } = world.deployment.spec;
    world.apply({ ...NEXT, ...change });
    refuse(/apply|create/, 422, INVALID);
    expect(await world.look()).toMatchObject({ state: 'scaling', reason: 'Stopping' });
    expect(world.deployment.spec).toEqual(expect.objectContaining({ replicas: 0, template }));
    expect(await world.settle()).toMatchObject({ state: 'stopped', reason, ready: '0/0' });
    // At the start it counts.
    world.apply(NEXT);
    expect(await world.look()).toMatchObject({ state: 'failed', reason: 'Refused' });
  });

  it.each(STOPS)('that %s, although it may not be run any more', async (_what, change, reason) => {
    world.apply(IMAGE);
    await world.settle();
    const { allow } = world.settings;
    world.settings = { ...world.settings, allow: { ...allow, images: false } };
    expect(await world.look()).toMatchObject({ state: 'degraded', reason: 'NotAllowed' });
    world.apply({ ...IMAGE, ...change });
    expect(await world.look()).toMatchObject({ state: 'scaling', reason: 'Stopping' });
    expect(world.deployment.spec.replicas).toBe(0);
    expect(await world.settle()).toMatchObject({ state: 'stopped', reason, ready: '0/0' });
    world.apply(IMAGE);
    expect(await world.look()).toMatchObject({ state: 'failed', reason: 'NotAllowed' });
    expect(world.deployment.spec.replicas).toBe(0);
  });

  it('that sleeps, although its package has been blocked', async () => {
    world.apply(PACKAGE);
    await world.settle();
    const { packages } = world.settings;
    world.settings = {
      ...world.settings,
      packages: { ...packages, block: ['npm:@modelcontextprotocol/server-everything'] },
    };
    world.apply(PACKAGE, { [ASLEEP]: `${world.server.metadata.generation}` });
    await world.look();
    expect(await world.settle()).toMatchObject({ state: 'stopped', reason: 'Asleep' });
    expect(world.deployment.spec.replicas).toBe(0);
  });

  it('or tells why it cannot', async () => {
    world.apply(IMAGE);
    await world.settle();
    world.apply({ ...IMAGE, suspend: true });
    refuse(/patch deployments/, 403, POLICY);
    const { status, again } = await world.outcome();
    expect(status).toMatchObject({ state: 'degraded', reason: 'Refused' });
    expect(status.message).toContain(POLICY);
    expect(again).toBeGreaterThan(0);
  });
});

it('one that never ran tells what is wrong with it though it is suspended', async () => {
  world.apply({ ...IMAGE, suspend: true });
  refuse(/apply deployments/, 422, INVALID);
  expect(await world.look()).toMatchObject({ state: 'failed', reason: 'Refused' });
});
