/** The client library as others get it: out of the packed package, with its types, against a gateway that runs. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../docs/pages.ts';
import { eventually } from '../support/local-process.ts';

const run = promisify(execFile);
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const NPM = join(ROOT, 'node_modules/npm/bin/npm-cli.js');

const PROGRAM = `
import { BerthApiError, BerthClient } from 'mcp-berth/client';
const berth = new BerthClient({ url: process.argv[2] });
await berth.waitUntilAvailable();
const { templates } = await berth.call('listTemplates', { query: { q: 'time', limit: 1 } });
const failed = await berth.call('getServer', { params: { name: 'nobody' } }).catch((error) => error);
const left = new AbortController();
for await (const entry of berth.stream('readGatewayLog', { query: { tail: 1000, level: 'info' }, signal: left.signal })) {
  console.log(JSON.stringify({
    template: templates[0].slug,
    failed: [failed instanceof BerthApiError, failed.code, failed.status],
    logged: typeof entry.message,
  }));
  break;
}
`;

/** What must compile, and what must not. */
const TYPES = `
import { BerthClient, type Server, type ServerStatus } from 'mcp-berth/client';
const berth = new BerthClient();
const server: Server = await berth.call('getServer', { params: { name: 'time' } });
const state: ServerStatus['state'] = server.status.state;
const { total } = await berth.call('listServers');
const nothing: undefined = await berth.call('deleteServer', { params: { name: 'time' }, query: { force: true } });
for await (const line of berth.stream('readLog', { params: { name: 'time' } })) console.log(line.text, state, total, nothing);
// @ts-expect-error: it needs a name
await berth.call('getServer');
// @ts-expect-error: there is no such operation
await berth.call('getServers');
// @ts-expect-error: it needs a body
await berth.call('callTool', { params: { name: 'time' } });
// @ts-expect-error: it is no stream
berth.stream('listServers');
// @ts-expect-error: there is no such state
await berth.call('listServers', { query: { state: 'happy' } });
`;

let folder: string;
let app: string;
let gateway: ChildProcess;
let url: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-packed-'));
  app = join(folder, 'app');
  let said = '';
  gateway = spawn(process.execPath, [join(ROOT, 'src/main.ts')], {
    env: { ...process.env, BERTH_DATA_DIR: join(folder, 'data'), BERTH_PORT: '0', BERTH_HOST: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  gateway.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const draft = join(folder, 'draft');
  await mkdir(draft);
  await cp(join(ROOT, 'package.json'), join(draft, 'package.json'));
  const build = [TSC, '-p', 'tsconfig.client.json', '--outDir', join(draft, 'dist')];
  await run(process.execPath, build, { cwd: ROOT });
  const pack = ['pack', '--ignore-scripts', '--offline', '--silent', '--pack-destination', folder];
  await run(process.execPath, [NPM, ...pack], { cwd: draft });
  const [tarball = ''] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  const place = join(app, 'node_modules/mcp-berth');
  await mkdir(place, { recursive: true });
  await run('tar', ['-xzf', join(folder, tarball), '--strip-components=1', '-C', place]);
  url = await eventually('the gateway', () => /^Berth listens on (\S+)/m.exec(said)?.[1]);
});
afterAll(async () => {
  const ended = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  await ended;
  await rm(folder, { recursive: true, force: true });
});

it('it is imported by its name, and talks to a gateway', async () => {
  await writeFile(join(app, 'use.mjs'), PROGRAM);
  // Leaves a line in the log.
  await fetch(`${url}/api/v1/catalogue/validate`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  });
  const { stdout } = await run(process.execPath, [join(app, 'use.mjs'), url]);
  expect(JSON.parse(stdout)).toEqual({
    template: 'time',
    failed: [true, 'not-found', 404],
    logged: 'string',
  });
});

it('it brings its types along', async () => {
  await writeFile(join(app, 'types.mts'), TYPES);
  const config = {
    compilerOptions: {
      ...{ target: 'es2024', lib: ['es2024', 'dom', 'dom.asynciterable'], types: [], noEmit: true },
      ...{ module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    },
    files: ['types.mts'],
  };
  await writeFile(join(app, 'tsconfig.json'), JSON.stringify(config));
  const { stdout } = await run(process.execPath, [TSC, '-p', app]).catch(
    (error: { stdout: string }) => error,
  );
  expect(stdout).toBe('');
});

it('it has no way in to anything else', async () => {
  const inner = ['mcp-berth', 'mcp-berth/dist/client/retry.js', 'mcp-berth/client/client'];
  await writeFile(
    join(app, 'inner.mjs'),
    `for (const name of ${JSON.stringify(inner)}) console.log(await import(name).then(() => 'in', ({ code }) => code));`,
  );
  const { stdout } = await run(process.execPath, [join(app, 'inner.mjs')]);
  expect(stdout.trim().split('\n')).toEqual(inner.map(() => 'ERR_PACKAGE_PATH_NOT_EXPORTED'));
});
