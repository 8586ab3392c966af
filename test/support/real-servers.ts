/** The real servers of the proof: which catalogue entry each is, how it is started here, and one call with a known answer. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PackageSource } from '../../src/packages/package.ts';

export interface RealServer {
  /** Folder of `registry-templates` whose package and version are used. */
  readonly slug: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly tool: string;
  readonly input: Record<string, unknown>;
  readonly answer: RegExp;
}

/** Prepares files and a git repository in `folder`. `page` is the address of a loopback page that says "berth page". */
export async function realServers(folder: string, page: string): Promise<RealServer[]> {
  const files = join(folder, 'files');
  const repository = join(folder, 'repository');
  await mkdir(files, { recursive: true });
  await writeFile(join(files, 'note.txt'), 'a note for the test\n');
  await promisify(execFile)('git', ['init', '-q', '-b', 'trunk', repository]);
  const none = { args: [], env: {} };
  return [
    { slug: 'everything', ...none, tool: 'echo', input: { message: 'hello' }, answer: /hello/ },
    {
      slug: 'filesystem',
      args: [files],
      env: {},
      tool: 'read_text_file',
      input: { path: join(files, 'note.txt') },
      answer: /a note for the test/,
    },
    {
      slug: 'memory',
      args: [],
      env: { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') },
      tool: 'read_graph',
      input: {},
      answer: /entities/,
    },
    {
      slug: 'sequential-thinking',
      ...none,
      tool: 'sequentialthinking',
      input: { thought: 'one', nextThoughtNeeded: false, thoughtNumber: 1, totalThoughts: 1 },
      answer: /"thoughtNumber": ?1/,
    },
    {
      slug: 'time',
      ...none,
      tool: 'get_current_time',
      input: { timezone: 'UTC' },
      answer: /"timezone": ?"UTC"/,
    },
    {
      slug: 'git',
      args: ['--repository', repository],
      env: {},
      tool: 'git_status',
      input: { repo_path: repository },
      answer: /trunk/,
    },
    {
      slug: 'fetch',
      args: ['--ignore-robots-txt', '--allow-private-ips'],
      env: {},
      tool: 'fetch',
      // To read a page it runs npm install at the first call of each process, and waits for what has nothing to do with this.
      input: { url: page, raw: true },
      answer: /berth page/,
    },
  ];
}

/** The package that a catalogue entry names, in its version. */
export async function packageOf(slug: string): Promise<PackageSource> {
  const file = new URL(`../../registry-templates/${slug}/server.json`, import.meta.url);
  const entry = JSON.parse(await readFile(file, 'utf8')) as {
    packages: { registryType: 'npm' | 'pypi'; identifier: string; version: string }[];
  };
  const [found] = entry.packages;
  if (!found) throw new Error(`${slug} names no package`);
  return { ecosystem: found.registryType, name: found.identifier, version: found.version };
}
