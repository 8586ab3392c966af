/** Locks and fills npm trees with the pinned npm, run by our own Node. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../errors.ts';
import { installerEnv } from './installer-env.ts';
import { noteInstaller } from './leftover.ts';
import { npmFolder } from './npm-config.ts';
import { dropAbsentOptionals } from './npm-lock.ts';
import type { ResolvedPackage } from './package.ts';
import { currentPlatform, type Platform } from './platform.ts';
import { type ProgramResult, runProgram } from './run-program.ts';
import { registrySilent } from './silence.ts';
import { silentHost, stallGuard } from './stall-guard.ts';
import { type TreeLock, treeKey } from './tree-store.ts';

/** User data is in the package.json that we write; nothing of it is ever an argument. */
const COMMON_FLAGS = [
  '--no-audit',
  '--no-fund',
  '--no-update-notifier',
  '--no-progress',
  '--color=false',
  '--loglevel=error',
  '--global=false',
  '--workspaces=false',
  '--dry-run=false',
  '--offline=false',
  '--package-lock=true',
  '--omit-lockfile-registry-resolved=true',
  '--install-strategy=hoisted',
  '--omit=dev',
  '--bin-links=true',
  '--allow-git=none',
  '--allow-remote=none',
  '--allow-file=none',
  '--allow-directory=none',
  // Of a whole document, however fast it comes; silence is noticed long before: see `stall-guard.ts`.
  '--fetch-timeout=300000',
  '--fetch-retry-mintimeout=500',
  '--fetch-retry-maxtimeout=5000',
  '--fetch-retry-factor=3',
] as const;
const NO_SCRIPTS = '--ignore-scripts=true';

export type NpmStep = 'lock' | 'install' | 'scripts';

/** The arguments of the pinned npm for one step; `folder` is ours, and made explicit so that npm looks no higher. */
export function npmArgs(step: NpmStep, folder: string): string[] {
  const place = `--prefix=${folder}`;
  switch (step) {
    case 'lock':
      return ['install', '--package-lock-only', place, NO_SCRIPTS, ...COMMON_FLAGS];
    case 'install':
      return ['ci', place, NO_SCRIPTS, ...COMMON_FLAGS];
    case 'scripts':
      return ['rebuild', place, '--ignore-scripts=false', '--dangerously-allow-all-scripts', ...COMMON_FLAGS];
  }
}

export interface NpmJob {
  readonly resolved: ResolvedPackage;
  /** From the user's npm configuration; scripts do not get it. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** Milliseconds that a registry may say nothing. */
  readonly silence: number;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves every dependency once and writes nothing but the lock. Rejects with `install-failed`. */
export async function lockNpm(job: NpmJob): Promise<TreeLock> {
  const manifest = toManifest(job.resolved);
  await writeFile(join(job.folder, 'package.json'), manifest);
  await runNpm('lock', job);
  const file = join(job.folder, 'package-lock.json');
  const lock = dropAbsentOptionals(await readFile(file, 'utf8'));
  await writeFile(file, lock);
  checkIntegrity(job.resolved, lock);
  return { 'package.json': manifest, 'package-lock.json': lock };
}

/** The tree's key: what is locked (wherever it is fetched from), and what of this machine it is built for. */
export function npmTreeKey(
  lock: TreeLock,
  allowInstallScripts: boolean,
  { platform, arch, libc, nodeAbi }: Platform = currentPlatform(),
): string {
  const locked = canonicalLock(lock['package-lock.json'] ?? '');
  return treeKey([
    'npm',
    locked,
    nodeAbi,
    platform,
    arch,
    libc,
    allowInstallScripts ? 'scripts' : 'no-scripts',
  ]);
}

/** How many packages a lock names. */
export function countNpmPackages(lock: TreeLock): number {
  const { packages } = JSON.parse(lock['package-lock.json'] ?? '{}') as { packages?: object };
  return Math.max(0, Object.keys(packages ?? {}).length - 1);
}

/** Fills the folder that holds the lock. Lifecycle scripts run last, without credentials, and only if allowed. */
export async function installNpm(job: NpmJob): Promise<void> {
  await runNpm('install', job);
  if (!job.resolved.allowInstallScripts) return;
  const home = join(job.folder, '.berth-home');
  await mkdir(home, { recursive: true });
  await runNpm('scripts', { ...job, env: { ...installerEnv(job.env), HOME: home } });
}

async function runNpm(step: NpmStep, job: NpmJob): Promise<void> {
  const cli = join(npmFolder(), 'bin', 'npm-cli.js');
  const result = await runProgram({
    file: process.execPath,
    args: [...guardArgs(step, job), cli, ...npmArgs(step, job.folder)],
    env: job.env,
    cwd: job.folder,
    signal: job.signal,
    started: (pid) => noteInstaller(job.folder, pid),
  });
  if (result.code === 0) return;
  const silent = silentHost(result.stderr);
  if (silent !== undefined) throw registrySilent('install', silent, job.silence);
  throw npmFailure(step, job.resolved, result);
}

/** Scripts ask whom they want. */
function guardArgs(step: NpmStep, { silence }: NpmJob): string[] {
  return step === 'scripts' ? [] : ['--import', stallGuard(silence)];
}

function npmFailure(step: NpmStep, resolved: ResolvedPackage, result: ProgramResult): BerthError {
  const what = {
    lock: 'resolve the dependencies of',
    install: 'install',
    scripts: 'run the install scripts of',
  };
  return new BerthError(
    'install-failed',
    `npm could not ${what[step]} ${resolved.name}@${resolved.version}`,
    {
      phase: 'install',
      exitCode: result.code,
      stderr: result.stderr,
    },
  );
}

function toManifest(resolved: ResolvedPackage): string {
  const manifest = {
    name: 'berth-tree',
    version: '0.0.0',
    private: true,
    dependencies: { [resolved.name]: resolved.version },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

interface LockFile {
  readonly packages?: Readonly<Record<string, { readonly integrity?: string; readonly version?: string }>>;
}

/** A registry that serves other bytes than the ones that were resolved is refused before anything is unpacked. */
function checkIntegrity(resolved: ResolvedPackage, text: string): void {
  const entry = (JSON.parse(text) as LockFile).packages?.[`node_modules/${resolved.name}`];
  const changed = resolved.integrity !== undefined && entry?.integrity !== resolved.integrity;
  if (entry?.version === resolved.version && !changed) return;
  throw new BerthError(
    'install-failed',
    `the registry now serves another ${resolved.name}@${resolved.version}`,
    {
      phase: 'install',
      hint: 'The package changed under its version: check it, then create the server again.',
    },
  );
}

function canonicalLock(text: string): string {
  return JSON.stringify(JSON.parse(text), (name, value: unknown) => {
    if (name === 'resolved' && typeof value === 'string' && URL.canParse(value)) return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
