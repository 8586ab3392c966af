/** F-20: registries that take connections and say nothing, or stop in the middle: how soon the person who waits for a start knows. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ensureUv } from '../../../src/packages/uv.ts';
import { toWheel } from '../../../test/support/archives.ts';
import { type Manner, StandInRegistry } from '../../../test/support/stand-in-registry.ts';
import { TEST_TREES } from '../../../test/support/trees.ts';
import { bar, type Finding, type FullCase } from '../case.ts';

const PROGRAM = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
const LATEST_MS = 10_000;
const MIB = 1024 * 1024;
/** Many times as long as the registry may be silent, in steps that are shorter. */
const SLOW: Manner = { slow: 3_000, pieces: 24 };

interface Case {
  readonly what: string;
  readonly ecosystem: 'npm' | 'pypi';
  readonly which: (path: string) => boolean;
  readonly manner: Manner;
}

const CASES: readonly Case[] = [
  { what: 'npm: no answer to the first question', ecosystem: 'npm', which: () => true, manner: 'silent' },
  {
    what: 'npm: half of its document',
    ecosystem: 'npm',
    which: (path) => path === '/server',
    manner: 'half',
  },
  {
    what: 'npm: no answer for a dependency',
    ecosystem: 'npm',
    which: (path) => path === '/dep',
    manner: 'silent',
  },
  {
    what: 'npm: half of the package',
    ecosystem: 'npm',
    which: (path) => path.endsWith('.tgz'),
    manner: 'half',
  },
  { what: 'PyPI: no answer to the first question', ecosystem: 'pypi', which: () => true, manner: 'silent' },
  {
    what: 'PyPI: no answer for a dependency',
    ecosystem: 'pypi',
    which: (path) => path === '/simple/dep/',
    manner: 'silent',
  },
  {
    what: 'PyPI: half of the wheel',
    ecosystem: 'pypi',
    which: (path) => path.endsWith('.whl'),
    manner: 'half',
  },
];

interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly body: { readonly code?: string; readonly phase?: string; readonly detail?: string };
}

class Place {
  readonly #child: ChildProcess;
  readonly url: string;
  #count = 0;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(folder: string, registry: string): Promise<Place> {
    const child = spawn(process.execPath, [PROGRAM], {
      env: {
        ...process.env,
        PATH: `${dirname(await ensureUv({ dataDir: TEST_TREES }))}:${process.env.PATH ?? ''}`,
        BERTH_DATA_DIR: join(folder, 'data'),
        BERTH_PORT: '0',
        BERTH_HOST: '127.0.0.1',
        NPM_CONFIG_REGISTRY: registry,
        NPM_CONFIG_CACHE: join(folder, 'npm'),
        UV_DEFAULT_INDEX: `${registry}simple/`,
        UV_CACHE_DIR: join(folder, 'uv'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      const url = /^Berth listens on (\S+)/.exec(line)?.[1];
      if (url === undefined) continue;
      child.stdout?.resume();
      return new Place(child, url);
    }
    throw new Error('the gateway did not start');
  }

  async run(ecosystem: Case['ecosystem'], name = 'server'): Promise<Answer> {
    const started = performance.now();
    const response = await fetch(`${this.url}/api/v1/servers?wait=ready`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: `s${++this.#count}`, source: { [ecosystem]: { name } } }),
    });
    const body = (await response.json()) as Answer['body'];
    return { status: response.status, ms: performance.now() - started, body };
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

function publish(registry: StandInRegistry): void {
  // Nothing that compresses: the archives are as large as this.
  const noise = Buffer.from(Array.from({ length: MIB }, (_, at) => (at * 2_654_435_761) & 0xff));
  const files = { 'cli.js': '#!/usr/bin/env node\n', 'noise.bin': noise.toString('latin1') };
  registry.publish('dep', '1.0.0', { files: { 'index.js': '' } });
  const manifest = { bin: { server: 'cli.js' }, dependencies: { dep: '1.0.0' } };
  registry.publish('server', '1.0.0', { manifest, files });
  for (const [name, requires] of [
    ['server', ['dep']],
    ['dep', []],
  ] as const) {
    const files = { [`${name}_main.py`]: 'def main():\n    pass\n' };
    const wheel = toWheel({
      name,
      version: '1.0',
      files,
      scripts: { [name]: `${name}_main:main` },
      requires: [...requires],
    });
    registry.publishPython(name, wheel.file, wheel.bytes);
  }
}

async function silent(one: Case): Promise<Finding> {
  return await inPlace(async (place, registry) => {
    registry.manner = (path) => (one.which(path) ? one.manner : 'at once');
    const { ms, body } = await place.run(one.ecosystem);
    const host = new URL(registry.url).host;
    const isClear = String(body.detail).includes(`the registry ${host} has said nothing`);
    return bar(
      one.what,
      `${body.code} (phase ${body.phase}) after ${(ms / 1_000).toFixed(1)} s, ${isClear ? 'naming the host' : String(body.detail)}`,
      'a clear reason within 10 s',
      isClear && ms <= LATEST_MS,
    );
  });
}

/** A package that comes piece by piece arrives: what fails then is that it is no MCP server. */
async function slow(): Promise<Finding> {
  return await inPlace(async (place, registry) => {
    registry.manner = (path) =>
      path.endsWith('server-1.0.0.tgz') || path.endsWith('/1.0.0.tgz') ? SLOW : 'at once';
    const { ms, body } = await place.run('npm');
    const isThere = body.phase !== 'install' && body.phase !== 'resolve';
    return bar(
      'npm: a package that comes in 24 pieces, one every 3 s',
      `${isThere ? 'installed' : `${body.code} ${body.detail}`} after ${(ms / 1_000).toFixed(0)} s`,
      'installed',
      isThere && ms > 60_000,
    );
  });
}

async function inPlace(
  work: (place: Place, registry: StandInRegistry) => Promise<Finding>,
): Promise<Finding> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  const registry = await new StandInRegistry().start();
  publish(registry);
  const place = await Place.start(folder, registry.url);
  try {
    return await work(place, registry);
  } finally {
    await place.close();
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export const silentRegistry: FullCase = {
  row: 'F-20',
  run: async () => {
    const findings: Finding[] = [];
    for (const one of CASES) findings.push(await silent(one));
    return [...findings, await slow()];
  },
};
