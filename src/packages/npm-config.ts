/** The user's own npm configuration, read by the code of the pinned npm itself. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BerthError } from '../errors.ts';
import { installerEnv, pickEnv } from './installer-env.ts';

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

const GLOBAL_FILES = ['/usr/local/etc/npmrc', '/usr/etc/npmrc'];

/**
 * The environment for the pinned npm. npm writes lower-case `npm_*` for its children (a gateway started by `npm start`
 * has dozens), which are not ours; an operator who means us writes upper-case `NPM_CONFIG_*`. Variables that the
 * user's `.npmrc` refers to (`${NAME}`) come along.
 */
export function npmEnv(env: NodeJS.ProcessEnv, referenced: ReadonlySet<string>): Record<string, string> {
  const named = pickEnv(
    env,
    (name) => isOperatorSetting(name) || (referenced.has(name) && !isLeftover(name)),
  );
  return { ...installerEnv(env), ...named };
}

/** Reads `.npmrc` of user and machine and the environment; `cwd` is a folder of ours, which need not exist. Throws `bad-setting`. */
export async function loadNpmSettings(env: NodeJS.ProcessEnv, cwd: string): Promise<NpmSettings> {
  try {
    const files = configFiles(env);
    const config = await loadConfig({ ...pickEnv(env, (name) => !isLeftover(name)), ...files }, cwd);
    const referenced = await referencedNames(config.sources.keys());
    return { options: toFetchOptions(config.flat), env: { ...npmEnv(env, referenced), ...files } };
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
  // An explicit prefix: npm looks for no project, and no project's .npmrc, in the folders above.
  const argv = [process.execPath, 'npm', `--prefix=${cwd}`];
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

/**
 * Where the configuration files are. npm derives the machine's file from the prefix, which we set, and from the place of
 * its Node, which is ours and not the user's: so it is named, as the user's own npm tells it or where it usually is.
 */
function configFiles(env: NodeJS.ProcessEnv): Record<string, string> {
  const told = env.NPM_CONFIG_GLOBALCONFIG ?? env.npm_config_globalconfig;
  const usual = GLOBAL_FILES.find((file) => existsSync(file));
  const user = env.NPM_CONFIG_USERCONFIG ?? env.npm_config_userconfig;
  return {
    NPM_CONFIG_GLOBALCONFIG: told ?? usual ?? join(dirname(dirname(process.execPath)), 'etc', 'npmrc'),
    ...(user === undefined ? {} : { NPM_CONFIG_USERCONFIG: user }),
  };
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
