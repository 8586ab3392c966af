/** The uv that installs PyPI packages: the user's own, else one of a wheel whose hash is pinned in `uv-wheels.json`. */

import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, mkdir, open, readFile, rename } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import semver from 'semver';
import { BerthError } from '../errors.ts';
import { type GetOptions, httpGet } from './http-get.ts';
import type { PackagePhase } from './package.ts';
import { currentPlatform, type Platform } from './platform.ts';
import { loadPypiSettings, type PypiSettings } from './pypi-config.ts';
import { runProgram, withoutCredentials } from './run-program.ts';
import { REGISTRY_SILENCE_MS } from './silence.ts';
import { parseSimplePage, SIMPLE_PAGE_TYPES } from './simple-page.ts';
import { withFileLock } from './tree-lock.ts';
import pinned from './uv-wheels.json' with { type: 'json' };
import { readWheelFile } from './wheel-file.ts';

/** The oldest uv that knows every flag that we give. */
const OLDEST_UV = '0.5.0';
const MAX_PAGE_BYTES = 32 * 1024 * 1024;
const MAX_WHEEL_BYTES = 128 * 1024 * 1024;
const MAX_UV_BYTES = 512 * 1024 * 1024;

export interface EnsureUvOptions {
  /** uv is kept in `tools/` below; absolute. */
  readonly dataDir: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that an index may say nothing. */
  readonly silence?: number;
  readonly say?: (text: string) => void;
  /** Decides the code of a failure: `resolve-failed` or (the default) `install-failed`. */
  readonly phase?: PackagePhase;
}

/** Absolute path of a working uv; downloads one at most once. Rejects with `install-failed` unless `phase` says otherwise. */
export async function ensureUv(options: EnsureUvOptions): Promise<string> {
  const env = options.env ?? process.env;
  const own = await findUv(env);
  if (own !== undefined) return own;
  const folder = join(options.dataDir, 'tools', `uv-${pinned.version}`);
  const file = join(folder, 'uv');
  if (await isExecutable(file)) return file;
  await mkdir(folder, { recursive: true });
  const work = async () => {
    if (!(await isExecutable(file))) await bootstrap(file, { ...options, env });
    return file;
  };
  return await withFileLock(`${folder}.mutex`, work, options.signal);
}

async function findUv(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const file = join(folder, 'uv');
    if (!isAbsolute(folder) || !(await isExecutable(file))) continue;
    // A version manager's shim may be there without anything behind it.
    const probe = {
      file,
      args: ['--version'],
      env: { PATH: env.PATH ?? '', HOME: env.HOME ?? '/' },
      cwd: '/',
    };
    const { code, stdout } = await runProgram(probe);
    const version = semver.coerce(stdout);
    if (code === 0 && version !== null && semver.gte(version, OLDEST_UV)) return file;
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  return await access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function bootstrap(
  file: string,
  options: EnsureUvOptions & { readonly env: NodeJS.ProcessEnv },
): Promise<void> {
  const phase = options.phase ?? 'install';
  const wheel = pinnedWheel(currentPlatform(), phase);
  options.say?.(`downloading uv ${pinned.version}`);
  const settings = await loadPypiSettings(options.env);
  const { silence = REGISTRY_SILENCE_MS, signal } = options;
  const archive = await download(wheel.file, settings, { silence, signal, phase }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    if (cause instanceof BerthError) throw cause;
    const text = cause instanceof Error ? withoutCredentials(cause.message) : 'no answer';
    throw failure(phase, `uv ${pinned.version} cannot be downloaded: ${text}`, cause);
  });
  const sha256 = createHash('sha256').update(archive).digest('hex');
  if (sha256 !== wheel.sha256)
    throw failure(phase, `the index serves another ${wheel.file} than the pinned one`);
  await writeProgram(file, readWheelFile(archive, `uv-${pinned.version}.data/scripts/uv`, MAX_UV_BYTES));
}

function pinnedWheel(
  here: Platform,
  phase: PackagePhase,
): { readonly file: string; readonly sha256: string } {
  const wheel = pinned.wheels.find(
    ({ platform, arch, libc }) => platform === here.platform && arch === here.arch && libc === here.libc,
  );
  if (wheel) return wheel;
  throw failure(phase, `no pinned uv for ${here.platform} ${here.arch} ${here.libc}`);
}

async function download(
  name: string,
  settings: PypiSettings,
  patience: Pick<GetOptions, 'silence' | 'signal' | 'phase'>,
): Promise<Buffer> {
  const ca = settings.certFile === undefined ? undefined : await readFile(settings.certFile, 'utf8');
  const page = new URL('uv/', settings.indexUrl);
  page.username = settings.indexUrl.username;
  page.password = settings.indexUrl.password;
  const listing = await httpGet(page, {
    ...patience,
    accept: SIMPLE_PAGE_TYPES,
    maxBytes: MAX_PAGE_BYTES,
    ca,
  });
  const found = parseSimplePage(listing.body.toString('utf8'), listing.type, page).find(
    (file) => file.name === name,
  );
  if (!found) throw new Error(`the index has no ${name}`);
  const { body } = await httpGet(found.url, { ...patience, maxBytes: MAX_WHEEL_BYTES, ca });
  return body;
}

async function writeProgram(file: string, bytes: Buffer): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx', 0o755);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}

function failure(phase: PackagePhase, message: string, cause?: unknown): BerthError {
  const hint = 'Install uv and put it on the PATH, or check the pip and uv index settings.';
  return new BerthError(phase === 'resolve' ? 'resolve-failed' : 'install-failed', message, {
    phase,
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
