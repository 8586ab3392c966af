/** The user's own npm configuration, read by the code of the pinned npm itself. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BerthError } from '../errors.ts';

/** Options as npm-registry-fetch takes them: registry, scoped registries, credentials, proxies, certificates. */
export type NpmOptions = Readonly<Record<string, unknown>>;

export interface NpmSettings {
  readonly options: NpmOptions;
  /** For running the pinned npm. */
  readonly env: Readonly<Record<string, string>>;
}

interface NpmConfig {
  load(): Promise<void>;
  readonly sources: ReadonlyMap<string, string>;
  readonly flat: Record<string, unknown>;
}

interface NpmConfigModule {
  readonly default: new (options: Record<string, unknown>) => NpmConfig;
}

interface NpmDefinitions {
  readonly definitions: unknown;
  readonly shorthands: unknown;
  readonly flatten: unknown;
}

/** What a network caller waits for at most before the registry counts as down. */
const FETCH_TIMEOUT_MS = 10_000;

const require = createRequire(import.meta.url);

/** Folder of the pinned npm. */
export function npmFolder(): string {
  return dirname(require.resolve('npm/package.json'));
}

const INSTALLER_ENV_NAMES: ReadonlySet<string> = new Set([
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'TZ',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
]);

/** What any installer may see of the gateway's environment: paths, language, certificates and proxies. */
export function installerEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  return pick(env, (name) => INSTALLER_ENV_NAMES.has(name.toUpperCase()));
}

/**
 * The environment for the pinned npm. npm writes lower-case `npm_*` for its children (a gateway started by `npm start`
 * has dozens), which are not ours; an operator who means us writes upper-case `NPM_CONFIG_*`. Variables that the
 * user's `.npmrc` refers to (`${NAME}`) come along.
 */
export function npmEnv(env: NodeJS.ProcessEnv, referenced: ReadonlySet<string>): Record<string, string> {
  const named = pick(env, (name) => isOperatorSetting(name) || (referenced.has(name) && !isLeftover(name)));
  return { ...installerEnv(env), ...named };
}

/** Reads `.npmrc` of user and machine and the environment; `cwd` is a folder without a project's `.npmrc`. Throws `bad-setting`. */
export async function loadNpmSettings(env: NodeJS.ProcessEnv, cwd: string): Promise<NpmSettings> {
  try {
    const config = await loadConfig(
      pick(env, (name) => !isLeftover(name)),
      cwd,
    );
    const referenced = await referencedNames(config.sources.keys());
    return { options: toFetchOptions(config.flat), env: npmEnv(env, referenced) };
  } catch (cause) {
    const hint = 'Check the npm configuration with: npm config list.';
    throw new BerthError('bad-setting', 'the npm configuration cannot be read', { cause, hint });
  }
}

/** npm's own flat options without its cache (an old answer is no answer) and with our patience: a registry that is down is told within seconds. */
export function toFetchOptions(flat: Readonly<Record<string, unknown>>): NpmOptions {
  const retry = { retries: 1, factor: 2, minTimeout: 200, maxTimeout: 1_000 };
  return { ...flat, timeout: FETCH_TIMEOUT_MS, retry, cache: undefined };
}

async function loadConfig(env: Record<string, string>, cwd: string): Promise<NpmConfig> {
  const npmPath = npmFolder();
  const folder = join(npmPath, 'node_modules', '@npmcli', 'config', 'lib');
  const { default: Config } = await importConfig(join(folder, 'index.js'));
  const { default: known } = await importDefinitions(join(folder, 'definitions', 'index.js'));
  const { definitions, flatten, shorthands } = known;
  const argv: string[] = [];
  const config = new Config({ definitions, flatten, shorthands, npmPath, env, cwd, argv, warn: false });
  await config.load();
  return config;
}

async function importConfig(file: string): Promise<NpmConfigModule> {
  return (await import(pathToFileURL(file).href)) as NpmConfigModule;
}

async function importDefinitions(file: string): Promise<{ default: NpmDefinitions }> {
  return (await import(pathToFileURL(file).href)) as { default: NpmDefinitions };
}

/** Names of `${NAME}` and `${NAME?}` in the configuration files. */
async function referencedNames(sources: Iterable<string>): Promise<Set<string>> {
  const names = new Set<string>();
  for (const source of sources) {
    if (!isAbsolute(source)) continue;
    const text = await readFile(source, 'utf8').catch(() => '');
    for (const match of text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\??\}/g)) names.add(match[1] ?? '');
  }
  return names;
}

function isOperatorSetting(name: string): boolean {
  return name.startsWith('NPM_CONFIG_');
}

function isLeftover(name: string): boolean {
  return name.startsWith('npm_') || name.toUpperCase() === 'NODE_OPTIONS';
}

function pick(env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && wanted(name)) picked[name] = value;
  }
  return picked;
}
