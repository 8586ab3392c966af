/** Runs an official conformance suite against a URL and reads what it measured. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CODE_CACHE } from './code-cache.ts';

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

/** Directory of a scenario's results: its name (a server scenario's after the role) before a time stamp. */
const DIRECTORY = /^(?:server-)?(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/;

export function entry(suite: Suite): string {
  const manifest = createRequire(import.meta.url).resolve(`${suite}/package.json`);
  return join(dirname(manifest), 'dist', 'index.js');
}

async function readScenario(directory: string): Promise<ScenarioResult> {
  const file = join(directory, 'checks.json');
  if (!existsSync(file)) return { passed: 0, failures: ['the scenario came to no result'], warnings: [] };
  const checks = JSON.parse(await readFile(file, 'utf8')) as Check[];
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

interface Run {
  readonly results: Map<string, ScenarioResult>;
  readonly exitCode: number;
  /** The end of what the suite printed. */
  readonly said: string;
}

async function run(suite: Suite, args: readonly string[]): Promise<Run> {
  const output = await mkdtemp(join(tmpdir(), 'berth-conformance-'));
  try {
    const command = [entry(suite), ...args, '-o', output];
    const env = { ...process.env, ...CODE_CACHE };
    const child = spawn(process.execPath, command, { cwd: output, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString('utf8')).slice(-4_000);
      });
    }
    const [exitCode] = (await once(child, 'close')) as [number];
    const results = await readResults(output);
    if (results.size === 0) throw new Error(`the suite ran nothing: ${said}`);
    return { results, exitCode, said };
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

/** Results by scenario name; rejects when the suite ran none. `url` needs the host name localhost (rebinding scenario). */
export async function runSuite(
  suite: Suite,
  url: string,
  args: readonly string[],
): Promise<Map<string, ScenarioResult>> {
  return (await run(suite, ['server', '--url', url, ...args])).results;
}

export interface ClientScenario {
  readonly scenario: string;
  readonly revision: string;
  /** Split at blanks; the address of the suite's server is appended. */
  readonly command: string;
}

/** Result of one client scenario; a client that exits with an error, or not at all, is a failure too. */
export async function runClientScenario({
  scenario,
  revision,
  command,
}: ClientScenario): Promise<ScenarioResult> {
  const args = ['client', '--command', command, '--scenario', scenario, '--spec-version', revision];
  const { results, exitCode, said } = await run('@modelcontextprotocol/conformance', args);
  const result = results.get(scenario);
  if (!result) throw new Error(`${scenario} has no result: ${said}`);
  if (exitCode === 0 || result.failures.length > 0 || result.warnings.length > 0) return result;
  return { ...result, failures: [`the client: ${said}`] };
}
