import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchTree } from '../../src/installer/fetch.ts';
import { runInstall } from '../../src/installer/main.ts';
import { silentLog } from '../../src/log/log.ts';
import type { PackageSource } from '../../src/packages/package.ts';
import { type RunningTrees, runTrees } from '../../src/trees/main.ts';
import { treeToken } from '../../src/trees/token.ts';

const KEY = Buffer.alloc(32, 3);
let root: string;
let trees: RunningTrees;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-real-'));
  await writeFile(join(root, 'key'), KEY);
  const options = { folder: join(root, 'data'), keyFile: join(root, 'key'), host: '127.0.0.1', port: 0 };
  trees = await runTrees({ ...options, log: silentLog() });
});

afterAll(async () => {
  await trees.close();
  await rm(root, { recursive: true, force: true });
});

interface Report {
  readonly digest: string;
  readonly package: { readonly name: string; readonly version: string };
  readonly launch: {
    readonly file: string;
    readonly args: string[];
    readonly env: Record<string, string>;
    readonly cwd: string;
  };
}

async function install(source: PackageSource, place: string): Promise<Report> {
  const folder = join(root, place, 'tree');
  const job = `mcp-${place}-install-1`;
  await mkdir(folder, { recursive: true });
  await writeFile(join(root, place, 'token'), treeToken(KEY, job));
  const text = await runInstall({
    source,
    folder,
    work: join(root, place, 'work'),
    home: join(root, place, 'home'),
    treesUrl: `http://127.0.0.1:${trees.port}`,
    tokenFile: join(root, place, 'token'),
    env: process.env,
    say: () => {},
  });
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4_096);
  return JSON.parse(text) as Report;
}

/** The place of the installation becomes another folder of the same name, as in another pod. */
async function moveElsewhere(place: string, digest: string): Promise<string> {
  const folder = join(root, place, 'tree');
  await rename(folder, join(root, place, 'installed'));
  const state = join(root, place, 'state');
  for (const made of [folder, state]) await mkdir(made, { recursive: true });
  await fetchTree({ url: `http://127.0.0.1:${trees.port}/trees/${digest}`, into: folder, state });
  return folder;
}

async function initialize({ launch }: Report): Promise<{ readonly serverInfo: { readonly name: string } }> {
  const child = spawn(launch.file, launch.args, {
    env: launch.env,
    cwd: launch.cwd,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const params = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    };
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return (JSON.parse(line) as { result: { serverInfo: { name: string } } }).result;
  } finally {
    child.kill('SIGKILL');
  }
}

describe('a real package, installed in one place and started in another', () => {
  it('from npm, and once more with the same bytes', async () => {
    const report = await install(
      { ecosystem: 'npm', name: '@modelcontextprotocol/server-everything' },
      'npm',
    );
    await moveElsewhere('npm', report.digest);
    expect((await initialize(report)).serverInfo.name).toMatch(/everything/);
    await rm(join(root, 'npm'), { recursive: true });
    const again = { ecosystem: 'npm', name: report.package.name, version: report.package.version } as const;
    expect((await install(again, 'npm')).digest).toBe(report.digest);
  });

  it('from PyPI, with byte code that is still good', async () => {
    const report = await install({ ecosystem: 'pypi', name: 'mcp-server-time' }, 'pypi');
    const folder = await moveElsewhere('pypi', report.digest);
    expect((await initialize(report)).serverInfo.name).toMatch(/time/);
    expect(await compiledByTime(folder)).toBe(false);
    const launch = JSON.parse(await readFile(join(folder, 'launch.json'), 'utf8'));
    expect(launch).toEqual({ ...report.launch, package: report.package });
  });
});

it('a package that is not there fails in its phase', async () => {
  await expect(
    install({ ecosystem: 'npm', name: '@berth-test/there-is-no-such-thing' }, 'none'),
  ).rejects.toMatchObject({
    code: 'resolve-failed',
    details: { phase: 'resolve' },
  });
});

/** Byte code that is checked by the time of its source would be compiled anew at every start: times are not kept. */
async function compiledByTime(folder: string): Promise<boolean> {
  const { globSync } = await import('node:fs');
  const [file] = globSync('venv/lib/python*/site-packages/mcp_server_time/__pycache__/server*.pyc', {
    cwd: folder,
  });
  const head = await readFile(join(folder, file ?? 'no byte code'));
  return head.readUInt32LE(4) === 0;
}
