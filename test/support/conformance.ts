/** Runs an official conformance suite against a URL and reads what it measured. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface ScenarioResult {
  /** Checks that passed. */
  readonly passed: number;
  /** `check: reason` of each check that failed. */
  readonly failures: readonly string[];
  /** The same of each check that warned: what the specification only recommends. */
  readonly warnings: readonly string[];
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

/** Package name of a suite, as installed. */
export type Suite = 'conformance-2025' | '@modelcontextprotocol/conformance';

/** Directory of a scenario's results: its name between a role and a time stamp. */
const DIRECTORY = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/;

function entry(suite: Suite): string {
  const manifest = createRequire(import.meta.url).resolve(`${suite}/package.json`);
  return join(dirname(manifest), 'dist', 'index.js');
}

async function readScenario(directory: string): Promise<ScenarioResult> {
  const checks = JSON.parse(await readFile(join(directory, 'checks.json'), 'utf8')) as Check[];
  const named = (wanted: string) =>
    checks
      .filter(({ status }) => status === wanted)
      .map(({ id, errorMessage }) => `${id}: ${errorMessage ?? wanted}`);
  return { passed: named('SUCCESS').length, failures: named('FAILURE'), warnings: named('WARNING') };
}

async function readResults(output: string): Promise<Map<string, ScenarioResult>> {
  const results = new Map<string, ScenarioResult>();
  for (const directory of await readdir(output)) {
    const name = DIRECTORY.exec(directory)?.[1];
    if (name !== undefined) results.set(name, await readScenario(join(output, directory)));
  }
  return results;
}

/** Results by scenario name; rejects when the suite ran none. `url` needs the host name localhost (rebinding scenario). */
export async function runSuite(
  suite: Suite,
  url: string,
  args: readonly string[],
): Promise<Map<string, ScenarioResult>> {
  const output = await mkdtemp(join(tmpdir(), 'berth-conformance-'));
  try {
    const command = [entry(suite), 'server', '--url', url, ...args, '-o', output];
    const child = spawn(process.execPath, command, { cwd: output, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('utf8')).slice(-4_000);
      });
    }
    await once(child, 'close');
    const results = await readResults(output);
    if (results.size === 0) throw new Error(`the suite ran nothing: ${said}`);
    return results;
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}
