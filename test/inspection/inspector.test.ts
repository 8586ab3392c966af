/** What is tried, with what, and what is told of it. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { parseInspection } from '../../src/inspection/inspection-spec.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { readDocument } from '../../src/templates/template.ts';
import { createFixture } from '../servers/doubles.ts';
import { createInspector } from './doubles.ts';

const NPM = { source: { npm: { name: 'some-server' } } };

async function start() {
  const fixture = await createFixture();
  const { inspector, inspections, folder } = createInspector(fixture);
  const inspect = (body: object, more = {}) => inspector.inspect(parseInspection(body), more);
  return { ...fixture, inspector, inspections, folder, inspect };
}

const refusal = (work: Promise<unknown>): Promise<BerthError> =>
  work.then(
    () => expect.unreachable(),
    (error: BerthError) => error,
  );

it('reports what was seen, and the word unknown for everything else', async () => {
  const { inspect } = await start();
  const { report } = await inspect(NPM);
  expect(report).toEqual({
    v: 1,
    inspectedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    platform: `${process.platform}-${process.arch}`,
    result: 'passed',
    package: { ecosystem: 'npm', name: 'some-server', version: '1.2.3', integrity: 'sha512-abc' },
    engine: { needs: { node: '>=22' }, used: `Node ${process.versions.node}` },
    provenance: 'known',
    signatures: 'unknown',
    sandbox: { kind: 'bubblewrap', network: 'none', enforced: 'yes' },
    server: {
      name: 'fixture',
      version: '1.0.0',
      protocolVersion: '2025-11-25',
      eras: ['legacy', 'modern'],
      capabilities: { tools: {} },
    },
    tools: [expect.objectContaining({ name: 'echo' }), expect.objectContaining({ name: 'add' })],
    prompts: [],
    resources: [],
    resourceTemplates: [],
    phases: [
      { phase: 'resolve', ms: expect.any(Number) },
      { phase: 'install', ms: expect.any(Number) },
      { phase: 'sandbox', ms: 120 },
      { phase: 'start', ms: 340 },
      { phase: 'list', ms: 12 },
    ],
    peakMemoryBytes: 80 * 1024 ** 2,
    filesWritten: { files: [{ path: '~/cache.db', bytes: 12 }], total: 1, elsewhere: 'none' },
    filesRead: 'unknown',
    hosts: ['api.example.com'],
    addresses: 'unknown',
    inputs: [],
    stderr: ['started'],
  });
});

it('says who has signed what was installed, as far as registries sign', async () => {
  const { inspect, packages } = await start();
  const signatures = async () => (await inspect(NPM)).report.signatures;
  packages.signed = { total: 3, verified: 2, forged: [] };
  expect(await signatures()).toEqual({ total: 3, verified: 2, forged: [] });
  packages.signed = { total: 3, verified: 0, forged: ['dep@1.0.0'] };
  expect(await signatures()).toEqual({ total: 3, verified: 0, forged: ['dep@1.0.0'] });
  packages.signed = { total: 3, verified: 0, forged: [] };
  expect(await signatures()).toBe('unknown');
  packages.signatures = () => Promise.reject(new Error('the registry is down'));
  expect(await signatures()).toBe('unknown');
});

it('claims nothing that nobody has told or watched', async () => {
  const fixture = await createFixture();
  const { inspector, inspections } = createInspector(fixture, {
    info: () => Promise.reject(new Error('down')),
  });
  const { report: handshake } = inspections.observation;
  inspections.observation = {
    ...(handshake && { report: { ...handshake, capabilities: { tools: {}, prompts: {} } } }),
    offers: {},
    phases: [],
    written: { files: [], total: 0 },
    stderr: [],
  };
  const { report } = await inspector.inspect(parseInspection({ ...NPM, unsafe: true }));
  expect(report).toMatchObject({
    package: { integrity: 'unknown' },
    engine: { needs: 'unknown' },
    provenance: 'unknown',
    sandbox: { kind: 'none', network: 'machine' },
    tools: 'unknown',
    prompts: 'unknown',
    resources: [],
    peakMemoryBytes: 'unknown',
    hosts: 'unknown',
    filesWritten: { elsewhere: 'unknown' },
  });
});

it('tells why a package does not start, and makes no template of it', async () => {
  const { inspect, inspections } = await start();
  const failure = new BerthError('start-failed', 'exit code 1', {
    phase: 'handshake',
    exitCode: 1,
    stderr: ['no key'],
  });
  inspections.observation = {
    offers: {},
    phases: [],
    written: { files: [], total: 0 },
    stderr: ['no key'],
    failure,
  };
  const { report, pinned } = await inspect(NPM);
  expect(pinned).toBeUndefined();
  expect(report).toMatchObject({
    result: 'failed',
    tools: 'unknown',
    failure: {
      code: 'start-failed',
      message: 'exit code 1',
      phase: 'handshake',
      exitCode: 1,
      stderr: ['no key'],
    },
  });
  expect(report.server).toBeUndefined();
});

it('makes a template of exactly what was tried, which a server can be made of', async () => {
  const { inspect, custom, templates } = await start();
  const { pinned } = await inspect({
    source: { pypi: { name: 'mcp-server-some', version: '>=1' } },
    bin: 'mcp-server-some',
    args: ['--read-only'],
    env: { REGION: 'north' },
    secrets: ['API_KEY'],
  });
  expect(pinned?.slug).toBe('some');
  custom.register(readDocument(pinned?.server));
  const template = templates.get('some');
  expect(template.extras.tools).toEqual([
    { name: 'echo', description: 'Says it again. And again.' },
    { name: 'add' },
  ]);
  const rules = { templates, allow: { npm: true, pypi: true, remote: true }, remote: createRemotePolicy([]) };
  expect(() => planServer(parseServerSpec({ template: 'some' }), rules)).toThrow(/API_KEY \(secret\)/);
  expect(
    planServer(parseServerSpec({ template: 'some', secrets: { API_KEY: 'env:KEY' } }), rules),
  ).toMatchObject({
    source: { ecosystem: 'pypi', name: 'mcp-server-some', version: '1.2.3', bin: 'mcp-server-some' },
    args: ['--read-only'],
    env: { REGION: 'north' },
  });
});

it('pins a template of the catalogue under a name of its own', async () => {
  const { inspect, custom, templates } = await start();
  const { pinned, report } = await inspect({ template: 'everything' });
  expect(report.template).toBe('everything');
  expect(pinned?.slug).toBe('everything-pinned');
  custom.register(readDocument(pinned?.server));
  expect(templates.get('everything-pinned').document.packages?.[0]).toMatchObject({ version: '1.2.3' });
  expect((await inspect({ template: 'everything', slug: 'mine' })).pinned?.slug).toBe('mine');
});

it('gives made-up values for what a template demands, and names them', async () => {
  const { inspect, inspections } = await start();
  const { report } = await inspect({ template: 'brave-search' });
  expect(report.inputs).toEqual(['BRAVE_API_KEY']);
  const [started] = inspections.started;
  expect(started?.launch.env.BRAVE_API_KEY).toMatch(/^made-up/);
  expect(started?.secrets).toEqual([started?.launch.env.BRAVE_API_KEY]);
  await inspect({ template: 'filesystem' });
  expect(inspections.started[1]?.launch.args.at(-1)).toBe(inspections.started[1]?.home);
});

it('looks up no secret, whatever the gateway has', async () => {
  const { inspect, inspections, packages } = await start();
  process.env.BERTH_TEST_CANARY = 'canary';
  try {
    await inspect({ ...NPM, secrets: ['BERTH_TEST_CANARY'] });
  } finally {
    delete process.env.BERTH_TEST_CANARY;
  }
  expect(JSON.stringify([inspections.started, packages.launched])).not.toContain('canary');
});

it.each([
  ['nothing to try', {}, 'bad-input', /exactly one of template and source/],
  [
    'a field that it does not have',
    { ...NPM, replicas: 2 },
    'bad-input',
    /replicas is not a field of an inspection/,
  ],
  [
    'a remote server',
    { source: { remote: { url: 'https://mcp.example.com/mcp' } } },
    'bad-input',
    /runs elsewhere/,
  ],
  ['a template that is remote', { template: 'deepwiki' }, 'bad-input', /runs elsewhere/],
  [
    'a variable that changes how programs are loaded',
    { ...NPM, env: { NODE_OPTIONS: '-r x' } },
    'bad-input',
    /NODE_OPTIONS/,
  ],
  ['an unknown template', { template: 'nobody' }, 'not-found', /nobody/],
])('refuses %s before anything is fetched', async (_what, body, code, message) => {
  const { inspector, packages } = await start();
  const error = await refusal(Promise.resolve().then(() => inspector.inspect(parseInspection(body))));
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  expect(packages.resolved).toEqual([]);
});

it('fetches nothing where nothing can hold it in, unless that is wanted', async () => {
  const { inspect, inspections, packages } = await start();
  inspections.missing = new BerthError('not-allowed', 'no sandbox');
  expect(await refusal(inspect(NPM))).toMatchObject({ code: 'not-allowed' });
  expect([packages.resolved, inspections.started]).toEqual([[], []]);
  expect((await inspect({ ...NPM, unsafe: true })).report.result).toBe('passed');
  expect(inspections.started[0]).toMatchObject({ unsafe: true, network: true });
});

it('leaves nothing on disk, and nothing running when its caller has gone', async () => {
  const { inspect, inspections, folder, inspector } = await start();
  await inspect(NPM);
  expect(readdirSync(folder)).toEqual([]);
  inspections.hold = new Promise(() => {});
  const leaving = new AbortController();
  const left = refusal(inspect(NPM, { signal: leaving.signal }));
  await expect.poll(() => inspections.started.length).toBe(2);
  leaving.abort(new Error('left'));
  expect(await left).toMatchObject({ message: 'left' });
  const ended = refusal(inspect(NPM));
  await expect.poll(() => inspections.started.length).toBe(3);
  await inspector.close();
  expect(await ended).toMatchObject({ code: 'stopped' });
  expect(readdirSync(folder)).toEqual([]);
});
