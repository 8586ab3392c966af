/** A release as people use it: installed by the chart, given the names of packages, called by the official SDKs' clients through its Service. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InspectionAnswer } from '../../src/cli/inspect-view.ts';
import { inspectionMeta } from '../../src/cluster/inspection.ts';
import { connectSdk, eraOf, SDK_CLIENTS, type SdkFlavour } from '../support/sdk-clients.ts';
import { eventually } from './support/cluster.ts';
import { leaveForLater } from './support/left-for-later.ts';
import { type RunningRelease, startRelease, steady } from './support/release.ts';
import { everything, run } from './support/tools.ts';

/** Seven installations, and the machine may be a small one. */
const INSTALL_MS = 480_000;
/** Each transport, and both eras, for servers that are not called by all clients. */
const SOME_CLIENTS: readonly SdkFlavour[] = [
  'v1 streamable-http',
  'v1 sse',
  'v2 legacy websocket',
  'v2 modern streamable-http',
];
const HOME = '/home/mcp';
const REPOSITORY = `${HOME}/repository`;

interface Case {
  readonly args?: (release: RunningRelease) => readonly string[];
  readonly tool: string;
  readonly input: (release: RunningRelease) => Record<string, unknown>;
  readonly answer: RegExp;
  readonly clients?: readonly SdkFlavour[];
}

const CASES: Readonly<Record<string, Case>> = {
  everything: {
    tool: 'echo',
    input: () => ({ message: 'hello' }),
    answer: /hello/,
    clients: SDK_CLIENTS,
  },
  filesystem: {
    args: () => [HOME],
    tool: 'write_file',
    input: () => ({ path: `${HOME}/note.txt`, content: 'a note' }),
    answer: /wrote/,
  },
  memory: { tool: 'read_graph', input: () => ({}), answer: /entities/ },
  'sequential-thinking': {
    tool: 'sequentialthinking',
    input: () => ({ thought: 'one', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 }),
    answer: /"thoughtNumber": ?1/,
  },
  time: {
    tool: 'get_current_time',
    input: () => ({ timezone: 'UTC' }),
    answer: /"timezone": ?"UTC"/,
  },
  git: {
    tool: 'git_status',
    input: () => ({ repo_path: REPOSITORY }),
    answer: /trunk/,
  },
  fetch: {
    args: () => ['--ignore-robots-txt', '--allow-private-ips'],
    tool: 'fetch',
    // A page that is there in every cluster, by way of the headless Service.
    input: ({ name, namespace }) => ({ url: `http://${name}-gateway-metrics.${namespace}.svc:9090/livez` }),
    answer: /ok/,
  },
};
const SERVERS = Object.keys(CASES);

let release: RunningRelease;

beforeAll(async () => {
  release = await startRelease();
  await Promise.all(
    Object.entries(CASES).map(([name, { args }]) =>
      release.run({ name, template: name, ...(args && { args: args(release) }) }),
    ),
  );
  const [pod] = await release.serverPods('git');
  const init = ['--', 'git', 'init', '-q', '-b', 'trunk', REPOSITORY];
  run('kubectl', ['exec', '-n', release.servers, pod?.metadata.name ?? '', '-c', 'workload', ...init]);
}, INSTALL_MS);
afterAll(() => release?.close());

describe.each(SERVERS)('the package of %s', (name) => {
  const { tool, input, answer, clients = SOME_CLIENTS } = CASES[name] as Case;

  it.each(clients)('is listed and called by the SDK client %s', async (flavour) => {
    const client = await connectSdk(flavour, release.serverUrl(name), { key: release.key });
    try {
      expect(client.era).toBe(eraOf(flavour));
      expect(await client.listTools()).toContain(tool);
      expect(await client.callTool(tool, input(release))).toMatch(answer);
    } finally {
      await client.close();
    }
  });
});

it('what a server says on standard error is in its log, and its health is looked at when somebody asks', async () => {
  const get = async (path: string) => {
    const answer = await fetch(`${release.url}/api/v1/servers/everything${path}`, {
      headers: { Authorization: `Bearer ${release.key}` },
    });
    expect(answer.status).toBe(200);
    return (await answer.json()) as {
      lines?: { pid: number; text: string }[];
      lastCheck?: { at: string };
      health?: string;
    };
  };
  const [before, after] = [await get('/health'), await get('/health')];
  expect([before.health, after.health]).toEqual(['healthy', 'healthy']);
  expect(Date.parse(after.lastCheck?.at ?? '')).toBeGreaterThan(Date.parse(before.lastCheck?.at ?? ''));
  const { lines = [] } = await get('/logs?tail=500');
  const said = lines.filter(({ pid }) => pid > 0).map(({ text }) => text);
  expect(said).toContainEqual(expect.stringMatching(/^Starting/));
});

describe('a group of servers in a release', () => {
  const api = (method: string, path: string, body?: object) =>
    fetch(`${release.url}/api/v1/groups${path}`, {
      method,
      headers: { Authorization: `Bearer ${release.key}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });

  it.each(['v1 streamable-http', 'v2 modern streamable-http'] as const)(
    'is made by the API, kept by the cluster, and used by the SDK client %s',
    async (flavour) => {
      const made = await api('PUT', '/work', {
        name: 'work',
        servers: ['time', { server: 'everything', prefix: 'e_' }],
      });
      expect([200, 201]).toContain(made.status);
      const kept = run('kubectl', [
        '-n',
        release.servers,
        'get',
        'configmap',
        `${release.name}-groups`,
        '-o',
        'json',
      ]);
      expect(Object.keys((JSON.parse(kept) as { data: object }).data)).toEqual(['work']);
      const client = await connectSdk(flavour, `${release.url}/groups/work`, { key: release.key });
      try {
        expect(await client.listTools()).toEqual(
          expect.arrayContaining(['time__get_current_time', 'e_echo']),
        );
        expect(await client.callTool('e_echo', { message: 'hello' })).toMatch(/hello/);
      } finally {
        await client.close();
      }
    },
  );

  it('is removed', async () => {
    expect((await api('DELETE', '/work')).status).toBe(204);
    // Another gateway learns it from its watch.
    await eventually('its end everywhere', async () => (await api('GET', '/work')).status === 404);
  });
});

it('gives no URL to who has no key', async () => {
  const response = await fetch(`${release.serverUrl('everything')}/mcp`, { method: 'POST', body: '{}' });
  expect(response.status).toBe(401);
});

describe('a package that is tried', () => {
  const post = (url: string, body: object) =>
    fetch(url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${release.key}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(body),
    });
  const inspect = async (body: object): Promise<InspectionAnswer> =>
    (await (await post(`${release.url}/api/v1/inspect`, body)).json()) as InspectionAnswer;
  /** All at once, as each takes a while. */
  let tried: Readonly<Record<'well' | 'ends' | 'nowhere', Promise<InspectionAnswer>>>;
  beforeAll(() => {
    tried = {
      well: inspect({ template: 'everything', slug: 'tried' }),
      ends: inspect({ source: { npm: { name: 'semver', version: '7.7.2' } } }),
      nowhere: inspect({ source: { npm: { name: '@modelcontextprotocol/there-is-no-such-package' } } }),
    };
    for (const one of Object.values(tried)) one.catch(() => {});
  });
  // Those of the hook come and go meanwhile.
  beforeEach(() => leaveForLater(/^mcpservers inspect-[0-9a-f]+$/));

  it('is shown to nobody meanwhile, and has no URL', async () => {
    const name = await steady('an object of one', async () => {
      const names = run('kubectl', ['-n', release.servers, 'get', 'mcps', '-o', 'name']);
      return /inspect-[0-9a-f]+/.exec(names)?.[0];
    });
    const listed = (await release.api.list()).map((one) => one.name);
    expect(listed).toEqual(expect.arrayContaining(SERVERS));
    expect(listed).not.toContain(name);
    await expect(release.api.get(name)).rejects.toMatchObject({ code: 'not-found' });
    const call = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    expect((await post(`${release.serverUrl(name)}/mcp`, call)).status).toBe(404);
  });

  it(
    'is told of with what was seen in its pod, and a template',
    async () => {
      const { report, pinned } = await tried.well;
      expect(report).toMatchObject({
        ...{ result: 'passed', template: 'everything', platform: expect.stringMatching(/^linux-/) },
        package: { ecosystem: 'npm', name: '@modelcontextprotocol/server-everything' },
        engine: { used: expect.stringMatching(/^Node \d+\./) },
        sandbox: { kind: 'pod', network: 'none', enforced: expect.stringMatching(/^(yes|no)$/) },
        server: { name: 'mcp-servers/everything', eras: ['legacy'] },
        tools: expect.arrayContaining([expect.objectContaining({ name: 'echo' })]),
        prompts: expect.arrayContaining([expect.objectContaining({ name: 'simple-prompt' })]),
        filesWritten: { files: [], total: 0, elsewhere: 'unknown' },
        ...{ filesRead: 'unknown', hosts: 'unknown', addresses: 'unknown' },
        stderr: ['Starting default (STDIO) server...'],
      });
      expect(report.phases.map(({ phase }) => phase)).toEqual(['install', 'sandbox', 'start', 'list']);
      // As far as the node shows a container its own control group.
      if (report.peakMemoryBytes !== 'unknown')
        expect(report.peakMemoryBytes).toBeGreaterThan(10 * 1024 ** 2);
      expect(pinned).toMatchObject({
        slug: 'tried',
        server: { packages: [{ version: report.package.version }] },
      });
    },
    INSTALL_MS,
  );

  it(
    'is told of with the reason when it does not start, and when it cannot be installed',
    async () => {
      const ended = await tried.ends;
      expect(ended.pinned).toBeUndefined();
      expect(ended.report).toMatchObject({
        ...{ result: 'failed', package: { name: 'semver', version: '7.7.2' }, tools: 'unknown' },
        failure: { code: 'start-failed', phase: 'handshake', exitCode: 0 },
      });
      expect(await tried.nowhere).toMatchObject({
        ...{ code: 'resolve-failed', phase: 'resolve' },
        detail: expect.stringContaining('there-is-no-such-package'),
      });
    },
    INSTALL_MS,
  );

  it(
    'leaves nothing behind, not even where its gateway has died',
    async () => {
      const over = { until: '2001-01-01T00:00:00Z', secrets: {} };
      const forgotten = {
        apiVersion: 'berth.dev/v1alpha1',
        kind: 'MCPServer',
        metadata: { name: 'inspect-forgotten', ...inspectionMeta(over) },
        spec: { template: 'time' },
      };
      run('kubectl', ['-n', release.servers, 'apply', '-f', '-'], JSON.stringify(forgotten));
      await Promise.allSettled(Object.values(tried));
      await steady('nothing is left', async () =>
        everything([release.servers]).some((one) => one.includes('inspect-')) ? undefined : true,
      );
    },
    INSTALL_MS,
  );
});
