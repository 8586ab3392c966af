import { describe, expect, it } from 'vitest';
import type { BerthError } from '../../src/errors.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import type { FindLack } from '../../src/supervisor/resource-limits.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { createFixture } from './doubles.ts';

const everything: FindLack = () => undefined;
const plan = (more: object, findLack: FindLack = everything) =>
  planServer(parseServerSpec({ source: { npm: { name: 'x' } }, ...more }), {
    templates: new TemplateCatalogue([]),
    allow: { npm: true, pypi: true, remote: true },
    remote: createRemotePolicy([]),
    findLack,
  });
const refusal = (more: object, findLack?: FindLack): BerthError => {
  try {
    plan(more, findLack);
  } catch (error) {
    return error as BerthError;
  }
  throw new Error('it was planned');
};

describe('limits of a server on one machine', () => {
  it('are planned in numbers', () => {
    expect(plan({ resources: { limits: { memory: '512Mi', cpu: '0.5' } } }).resources).toEqual({
      ...{ memoryBytes: 536_870_912, cpuMillis: 500 },
    });
  });

  it.each([[{}], [{ resources: {} }], [{ resources: { limits: {}, requests: {} } }]])(
    'that are not given are none: %j',
    (more) => {
      expect(plan(more, () => expect.fail('nobody asked'))).not.toHaveProperty('resources');
    },
  );

  it('that the machine cannot keep are refused, with what it lacks and what to do', () => {
    const findLack: FindLack = (resource) =>
      resource === 'cpu' ? { reason: 'there is no cpu controller', fix: 'Add one.' } : undefined;
    expect(plan({ resources: { limits: { memory: '64Mi' } } }, findLack).resources).toBeDefined();
    expect(refusal({ resources: { limits: { memory: '64Mi', cpu: '1' } } }, findLack)).toMatchObject({
      code: 'not-allowed',
      message: 'the cpu of a server cannot be limited here: there is no cpu controller',
      hint: 'Add one. Or leave resources.limits.cpu out.',
      details: { fields: [{ pointer: '/resources/limits/cpu', detail: 'there is no cpu controller' }] },
    });
  });

  it.each([
    ['requests', { requests: { cpu: '1' } }, '/resources/requests'],
    ['disk', { limits: { 'ephemeral-storage': '1Gi' } }, '/resources/limits/ephemeral-storage'],
  ])('cannot be %s, which only a cluster has', (_what, resources, pointer) => {
    expect(refusal({ resources }, everything)).toMatchObject({
      code: 'not-allowed',
      details: { fields: [{ pointer, detail: 'needs a cluster' }] },
    });
  });

  it.each([
    ['memory', '3Mi', 'from 4Mi on'],
    ['cpu', '9m', 'from 10m on'],
  ])('cannot be %s of %s', (resource, amount, words) => {
    expect(refusal({ resources: { limits: { [resource]: amount } } }, everything)).toMatchObject({
      code: 'bad-input',
      message: expect.stringContaining(words),
    });
  });

  it('are nothing for a server elsewhere', () => {
    const remote = {
      source: { remote: { url: 'https://mcp.example.com/mcp' } },
      resources: { limits: { cpu: '1' } },
    };
    expect(refusal({ ...remote }, everything)).toMatchObject({
      code: 'bad-input',
      details: { fields: [{ pointer: '/resources' }] },
    });
  });
});

describe('what holds for the processes of a server', () => {
  const spec = (more: object = {}) => parseServerSpec({ source: { npm: { name: 'x' } }, ...more });

  it('is what it says, else what the settings say, and its status tells it', async () => {
    const fixture = await createFixture({
      resources: { memoryBytes: 134_217_728, cpuMillis: 2_000 },
      findLack: everything,
    });
    const given = { resources: { limits: { cpu: '250m' } } };
    const { server } = await fixture.manager.run(spec(given), { wait: true });
    const [defined] = fixture.host.defined.values();
    expect(defined?.resources).toEqual({ memoryBytes: 134_217_728, cpuMillis: 250 });
    expect(server.status.resources).toEqual({ limits: { memory: '128Mi', cpu: '250m' } });
  });

  it('is the whole machine where nobody says anything', async () => {
    const { manager, host } = await createFixture();
    const { server } = await manager.run(spec(), { wait: true });
    expect([...host.defined.values()][0]).not.toHaveProperty('resources');
    expect(server.status).not.toHaveProperty('resources');
  });
});
