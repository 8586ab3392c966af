/** The PyPI side of {@link Installer}: uv resolves, locks with hashes and installs wheels. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../errors.ts';
import { onFittingPython, type Python } from './fitting-python.ts';
import type { Installer, InstallerOptions } from './installer.ts';
import { noteInstaller } from './leftover.ts';
import type { PackagePhase, PackageSource, ResolvedPackage } from './package.ts';
import { isExactVersion, normalisePypiName } from './package-source.ts';
import { currentPlatform, type Platform } from './platform.ts';
import { loadPypiSettings } from './pypi-config.ts';
import { pypiProgram } from './pypi-program.ts';
import { type ProgramResult, runProgram } from './run-program.ts';
import { registrySilent } from './silence.ts';
import { type TreeLock, TreeStore, treeKey } from './tree-store.ts';
import { ensureUv } from './uv.ts';
import { runWithPatience, silentIndex, uvPatience } from './uv-run.ts';

const REQUIREMENTS_IN = 'requirements.in';
const REQUIREMENTS = 'requirements.txt';
const OVERRIDES = 'overrides.in';
const PYTHON_TAG = 'python-tag';
const PYTHON_TAG_CODE =
  'import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_config_var("SOABI"))';

/** A tree never changes, and its files' times do not travel with it: byte code must not depend on them. */
const BYTE_CODE = { PYC_INVALIDATION_MODE: 'UNCHECKED_HASH' };

const STEP_WORDS = {
  resolve: 'resolve',
  lock: 'resolve the dependencies of',
  venv: 'make the virtual environment of',
  install: 'install',
} as const;

interface PypiInput {
  readonly dataDir: string;
  readonly env: NodeJS.ProcessEnv;
  /** Milliseconds that an index may say nothing. */
  readonly silence: number;
}

export type UvStep = 'resolve' | 'lock' | 'venv' | 'install';

interface UvInput {
  readonly folder: string;
  readonly python: string;
  readonly builds: boolean;
  /** There is a file of overrides. */
  readonly overrides?: boolean;
}

/** The arguments of uv for one step; every path is ours, user data is in `requirements.in` and `overrides.in`. */
export function uvArgs(step: UvStep, input: UvInput): string[] {
  const wheels = input.builds ? [] : ['--only-binary', ':all:'];
  const python = ['--python', input.python, '--no-python-downloads'];
  const compile = ['pip', 'compile', REQUIREMENTS_IN, '--no-header', '--no-annotate', ...python, ...wheels];
  switch (step) {
    case 'resolve':
      return [...compile, '--no-deps'];
    case 'lock':
      return [
        ...compile,
        ...(input.overrides ? ['--override', OVERRIDES] : []),
        ...['--generate-hashes', '--output-file', REQUIREMENTS],
      ];
    case 'venv':
      return ['venv', 'venv', '--no-project', ...python];
    case 'install':
      return [
        ...['pip', 'install', '--requirement', REQUIREMENTS, '--require-hashes', ...wheels],
        // The lock is whole, and says other than what the packages ask for.
        ...(input.overrides ? ['--no-deps'] : []),
        ...['--python', join(input.folder, 'venv', 'bin', 'python'), '--no-python-downloads'],
        ...['--compile-bytecode', '--link-mode', 'copy'],
      ];
  }
}

interface Uv {
  /** Rejects with the code of the phase, the exit code and the last lines if uv fails. */
  run(step: UvStep, python: string): Promise<ProgramResult>;
  /** `wish`: which one, as uv writes it. */
  findPython(wish: string): Promise<Python>;
}

interface UvJob {
  readonly phase: PackagePhase;
  readonly folder: string;
  readonly source: PackageSource;
  readonly options: InstallerOptions;
}

/** Reads the user's pip and uv settings anew for every use. */
export function createPypiInstaller(input: PypiInput): Installer {
  const store = new TreeStore(input.dataDir);
  return {
    resolve: async (source, options) =>
      await store.scratch(async (folder) => {
        const uv = await openUv(input, { phase: 'resolve', folder, source, options });
        await writeFile(join(folder, REQUIREMENTS_IN), `${requirementOf(source)}\n`);
        return toResolved(source, (await onFit(uv, 'resolve', source)).result.stdout);
      }),
    async lock(source, folder, options) {
      options.say(`resolving the dependencies of ${source.name} ${source.version}`);
      const uv = await openUv(input, { phase: 'install', folder, source, options });
      await writeFile(
        join(folder, REQUIREMENTS_IN),
        [requirementOf(source), ...source.constraints, ''].join('\n'),
      );
      const { overrides = [] } = source;
      if (overrides.length > 0) await writeFile(join(folder, OVERRIDES), [...overrides, ''].join('\n'));
      const { tag } = (await onFit(uv, 'lock', source)).python;
      const requirements = await readFile(join(folder, REQUIREMENTS), 'utf8');
      options.say(`${requirements.match(/^\S+==/gm)?.length ?? 0} packages to install`);
      const lock = { [REQUIREMENTS]: requirements, [PYTHON_TAG]: tag };
      return { key: pypiTreeKey(lock, source.allowInstallScripts), lock };
    },
    async install(source, folder, options) {
      options.say(`installing ${source.name} ${source.version}`);
      const uv = await openUv(input, { phase: 'install', folder, source, options });
      await uv.run('venv', pythonOfTag(await readFile(join(folder, PYTHON_TAG), 'utf8')));
      await uv.run('install', '');
      options.say(`installed ${source.name} ${source.version}`);
    },
    program: pypiProgram,
  };
}

/** The tree's key: versions and hashes of everything, the Python it is for, and what of this machine matters. */
export function pypiTreeKey(
  lock: TreeLock,
  builds: boolean,
  { platform, arch, libc }: Platform = currentPlatform(),
): string {
  const locked = [lock[REQUIREMENTS] ?? '', lock[PYTHON_TAG] ?? ''];
  return treeKey(['pypi', ...locked, platform, arch, libc, builds ? 'builds' : 'wheels']);
}

function onFit(uv: Uv, step: 'resolve' | 'lock', { name }: PackageSource) {
  return onFittingPython(name, uv.findPython, ({ path }) => uv.run(step, path));
}

function requirementOf(source: PackageSource): string {
  if (source.version === undefined) return source.name;
  const exact = isExactVersion('pypi', source.version);
  return `${source.name}${exact ? '==' : ''}${source.version}`;
}

function toResolved(source: PackageSource, compiled: string): ResolvedPackage {
  const lines = compiled.split('\n').map((line) => /^([A-Za-z0-9._-]+)==(\S+)/.exec(line.trim()));
  const version = lines.find((match) => normalisePypiName(match?.[1] ?? '') === source.name)?.[2];
  if (version === undefined) {
    throw new BerthError('resolve-failed', `uv names no version of ${source.name}`, { phase: 'resolve' });
  }
  return {
    ecosystem: 'pypi',
    name: source.name,
    version,
    ...(source.bin === undefined ? {} : { bin: source.bin }),
    allowInstallScripts: source.allowInstallScripts === true,
    constraints: source.constraints ?? [],
    ...(source.overrides && { overrides: source.overrides }),
  };
}

/** `cpython-311 …` is what uv calls `cpython@3.11`. */
function pythonOfTag(tag: string): string {
  const [, major, minor] = /^cpython-(\d)(\d+)/.exec(tag) ?? [];
  return `cpython@${major ?? '3'}.${minor ?? '10'}`;
}

async function openUv(input: PypiInput, job: UvJob): Promise<Uv> {
  const { signal, say } = job.options;
  const file = await ensureUv({ ...input, signal, say, phase: job.phase });
  const { env, indexUrl } = await loadPypiSettings(input.env);
  const builds = job.source.allowInstallScripts === true;
  const start = (program: string, args: readonly string[]) =>
    runProgram({
      file: program,
      args,
      env: { ...env, ...uvPatience(input.silence), ...BYTE_CODE },
      cwd: job.folder,
      signal,
      started: (pid) => noteInstaller(job.folder, pid),
    });
  const checked = (result: ProgramResult, what: string): ProgramResult => {
    if (result.code !== 0) throw uvFailure(job, what, result);
    return result;
  };
  return {
    async run(step, python) {
      const overrides = (job.source.overrides ?? []).length > 0;
      const args = uvArgs(step, { folder: job.folder, python, builds, overrides });
      const result = await runWithPatience(() => start(file, args), signal);
      const silent = result.code === 0 ? undefined : silentIndex(result, indexUrl);
      if (silent !== undefined) throw registrySilent(job.phase, silent, input.silence);
      return checked(result, `${STEP_WORDS[step]} ${job.source.name}`);
    },
    async findPython(wish) {
      const args = ['python', 'find', wish, '--system', '--no-python-downloads', '--no-project'];
      const found = checked(await start(file, args), `find a Python ${wish.replace('cpython', '')}`);
      const path = found.stdout.trim();
      const asked = checked(await start(path, ['-I', '-c', PYTHON_TAG_CODE]), 'ask Python for its version');
      return { path, tag: asked.stdout.trim() };
    },
  };
}

function uvFailure(job: UvJob, what: string, result: ProgramResult): BerthError {
  const code = job.phase === 'resolve' ? 'resolve-failed' : 'install-failed';
  const { code: exitCode, stderr } = result;
  return new BerthError(code, `uv could not ${what}`, { phase: job.phase, exitCode, stderr });
}
