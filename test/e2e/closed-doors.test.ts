/**
 * What a stranger may send to the real program: every route is guarded (T-10), and nothing that a specification can hold becomes a
 * command (T-01, T-02): programs that would be the ones to start lie in wait on its path, and its processes are watched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { addHomePage } from '../../src/api/home-page.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import { createFixture } from '../servers/doubles.ts';
import { eventually } from '../support/local-process.ts';
import { StandInRegistry } from '../support/stand-in-registry.ts';

const LAUNCHERS = ['npx', 'npm', 'node', 'uvx', 'python3', 'bash', 'sh', 'env', 'docker'];
const PARALLEL = 8;

let folder: string;
let registry: StandInRegistry;
let gateway: ChildProcess;
let port = 0;
const agent = new Agent({ keepAlive: true, maxSockets: PARALLEL });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-doors-'));
  registry = await new StandInRegistry().start();
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await mkdir(join(folder, 'started'));
  for (const name of LAUNCHERS)
    await writeFile(join(bin, name), `#!/bin/sh\n: > ${folder}/started/${name}\n`, { mode: 0o755 });
  gateway = spawn(process.execPath, [fileURLToPath(new URL('../../src/main.ts', import.meta.url))], {
    env: {
      ...{ PATH: bin, HOME: folder, BERTH_DATA_DIR: join(folder, 'data') },
      ...{ BERTH_PORT: '0', BERTH_HOST: '127.0.0.1', BERTH_LOG_LEVEL: 'error' },
      ...{ NPM_CONFIG_REGISTRY: registry.url, UV_DEFAULT_INDEX: `${registry.url}simple/` },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  gateway.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  port = Number(await eventually('the gateway', () => /^Berth listens on http:.*:(\d+)$/m.exec(said)?.[1]));
});
afterAll(async () => {
  const ended = once(gateway, 'exit');
  agent.destroy();
  gateway.kill('SIGTERM');
  await ended;
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** `fetch` would keep some headers to itself. */
function send({ method, path, headers = {}, body = '' }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const own = { 'content-type': 'application/json', 'x-berth-request': '1' };
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const all = { ...own, ...(body !== '' && length), ...headers };
    const options = { agent, port, host: '127.0.0.1', path, method, headers: all };
    const sent = request(options, (response) => resolve(response.resume().statusCode ?? 0));
    sent.on('error', (error) => reject(new Error(`${method} ${path}: ${error.message}`))).end(body);
  });
}

/** Every route of the program, as `GET /api/v1/servers/x`. */
async function routes(): Promise<{ method: string; path: string }[]> {
  const fixture = await createFixture();
  const app = createApi({ ...fixture, installation: {} as never, groups: {} as never });
  addHomePage(app, fixture.manager);
  const own = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({ method, path: path.replace(/:\w+(?:\{[^}]*\})?/g, 'x') }));
  const others = [
    '/mcp',
    '/groups/x/mcp',
    '/servers/x/mcp',
    '/servers/x/messages',
    '/servers/x/sse',
    '/servers/x/ws',
  ];
  const either = [...others, '/metrics', '/api/v1/nowhere', '/nowhere', '/servers/x/nowhere'];
  return [...own, ...either.flatMap((path) => ['GET', 'POST', 'DELETE'].map((method) => ({ method, path })))];
}

describe('every route', () => {
  it.each([
    ['of another Host', { host: 'attacker.example' }, 421, []],
    ['of a page of another origin', { origin: 'https://attacker.example' }, 403, ['GET /v0.1/']],
    ['of a page that hides its origin', { origin: 'null' }, 403, ['GET /v0.1/']],
    ['that comes through a proxy, without a key', { 'x-forwarded-for': '203.0.113.7' }, 401, []],
    ['with a key that is none', { authorization: `Bearer berth_${'x'.repeat(43)}` }, 401, []],
  ])('refuses a request %s', async (_what, headers, status, open) => {
    const all = await routes();
    expect(all.length).toBeGreaterThan(50);
    const passed: string[] = [];
    for (const { method, path } of all) {
      const name = `${method} ${path}`;
      if (open.some((start) => name.startsWith(start))) continue;
      const answered = await send({ method, path, headers, body: method === 'GET' ? '' : '{}' });
      if (answered !== status) passed.push(`${name}: ${answered}`);
    }
    expect(passed).toEqual([]);
  });
});

/** What known attacks have put where a name was expected. */
function payloads(): string[] {
  const forms = (name: string): string[] => [
    ...[`${name} -c id`, `${name} -y -c "id"`, `${name} --call=id`, `${name} --node-options=--require=/x`],
    ...[`-${name}`, `--${name}=x`, `--registry=${registry.url}${name}`, `${name} --registry=${registry.url}`],
    ...[`${name};id`, `$(${name})`, `\`${name}\``, `|${name}`, `${name}&&id`, `${name}\nid`, `${name}\t-c`],
    ...[`/bin/${name}`, `../${name}`, `./${name}`, `link:/bin/${name}`, `${registry.url}${name}.tgz`],
    ...[`${name}@npm:x@1`, `${name} @ ${registry.url}x.whl`, `git+${registry.url}${name}`, `${name}%20-c`],
  ];
  return LAUNCHERS.flatMap(forms);
}

/** Each place of a specification where a text may stand, with the text in it. Nothing of it could be started as it is. */
const FIELDS: Readonly<Record<string, (text: string) => unknown>> = {
  name: (name) => ({ name, template: 'brave-search' }),
  template: (template) => ({ template }),
  source: (source) => ({ source }),
  'npm.name': (name) => ({ source: { npm: { name } } }),
  'npm.version': (version) => ({ source: { npm: { name: 'left-pad', version } } }),
  'pypi.name': (name) => ({ source: { pypi: { name } } }),
  'pypi.version': (version) => ({ source: { pypi: { name: 'requests', version } } }),
  bin: (bin) => ({ source: { npm: { name: 'left-pad' } }, bin }),
  version: (version) => ({ template: 'brave-search', version }),
  args: (text) => ({ template: 'brave-search', args: [text] }),
  'a name in env': (name) => ({ template: 'brave-search', env: { [name]: 'x' } }),
  'a value in env': (value) => ({ template: 'brave-search', env: { X: value } }),
  'a name in secrets': (name) => ({ template: 'brave-search', secrets: { [name]: 'env:X' } }),
  'a value in secrets': (value) => ({ template: 'brave-search', secrets: { BRAVE_API_KEY: value } }),
  isolation: (isolation) => ({ template: 'brave-search', isolation }),
  sessions: (sessions) => ({ template: 'brave-search', sessions }),
  era: (era) => ({ template: 'brave-search', era }),
  'a limit': (idle) => ({ template: 'brave-search', limits: { idle } }),
  'remote.url': (url) => ({ source: { remote: { url } } }),
  'a header of remote': (name) => ({
    source: { remote: { url: 'https://a.example', headers: { [name]: 'x' } } },
  }),
  command: (command) => ({ template: 'time', command }),
  'command and args': (command) => ({ name: 'x', command, args: ['-c', 'id'] }),
};

describe('a specification', () => {
  it('has a corpus of more than two hundred payloads', () => {
    expect(new Set(payloads()).size).toBeGreaterThan(200);
  });

  it.each(Object.keys(FIELDS))(
    'with any of them as %s is refused, and starts and asks nothing',
    async (field) => {
      const table = createProcessTable();
      const children = async (): Promise<number[]> =>
        (await table.scan()).filter(({ parent }) => parent === gateway.pid).map(({ pid }) => pid);
      const build = FIELDS[field] as (text: string) => unknown;
      const taken: string[] = [];
      const seen = new Set<number>();
      const left = payloads();
      const work = async (): Promise<void> => {
        for (let text = left.pop(); text !== undefined; text = left.pop()) {
          const body = JSON.stringify(build(text));
          const status = await send({ method: 'POST', path: '/api/v1/servers', body });
          if (status < 400 || status >= 500) taken.push(`${text}: ${status}`);
          if (left.length % 40 === 0) for (const pid of await children()) seen.add(pid);
        }
      };
      await Promise.all(Array.from({ length: PARALLEL }, work));
      for (const pid of await children()) seen.add(pid);
      expect(taken).toEqual([]);
      expect([...seen]).toEqual([]);
      expect(registry.requests).toEqual([]);
      expect(await readdir(join(folder, 'started'))).toEqual([]);
    },
  );

  it('leaves no server behind', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/servers`);
    expect(await response.json()).toMatchObject({ total: 0 });
  });
});
