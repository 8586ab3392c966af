/** Where the user gets Python packages from: uv's settings, else pip's, else the public index. */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { PackageURL, UrlConverter } from '@socketregistry/packageurl-js';
import { BerthError } from '../errors.ts';
import { installerEnv } from './installer-env.ts';

const UV_NAMES: ReadonlySet<string> = new Set([
  'UV_INDEX',
  'UV_INDEX_URL',
  'UV_DEFAULT_INDEX',
  'UV_EXTRA_INDEX_URL',
  'UV_INDEX_STRATEGY',
  'UV_KEYRING_PROVIDER',
  'UV_NATIVE_TLS',
  'UV_SYSTEM_CERTS',
  'UV_INSECURE_HOST',
  'UV_CACHE_DIR',
  'UV_CONFIG_FILE',
  'UV_EXCLUDE_NEWER',
  'UV_OFFLINE',
  'UV_PYTHON_INSTALL_DIR',
  'NETRC',
  'XDG_CONFIG_HOME',
  'XDG_CACHE_HOME',
  'XDG_DATA_HOME',
]);
/** Credentials of a named index: UV_INDEX_NAME_USERNAME and _PASSWORD. */
const UV_CREDENTIAL = /^UV_INDEX_[A-Z0-9_]+_(?:USERNAME|PASSWORD)$/;

export interface PypiSettings {
  /** The simple index that we ask ourselves, with a slash at its end; may contain credentials. */
  readonly indexUrl: URL;
  /** PEM file of certificate authorities. */
  readonly certFile: string | undefined;
  /** For running uv; its own configuration files are its to read. */
  readonly env: Readonly<Record<string, string>>;
}

/** Reads environment, uv.toml and pip.conf. Throws `bad-setting` for an index that is no URL. */
export async function loadPypiSettings(env: NodeJS.ProcessEnv): Promise<PypiSettings> {
  const pip = await readPip(env);
  const uvIndex = env.UV_DEFAULT_INDEX ?? env.UV_INDEX_URL ?? (await readUvIndex(env));
  const index = uvIndex ?? pip.get('index-url');
  const certFile = env.SSL_CERT_FILE ?? pip.get('cert');
  return {
    indexUrl: toIndexUrl(index ?? defaultIndex()),
    certFile,
    env: {
      ...installerEnv(env),
      ...ownUvSettings(env),
      ...(uvIndex === undefined ? fromPip(pip) : {}),
      ...(certFile === undefined ? {} : { SSL_CERT_FILE: certFile }),
      UV_NO_PROGRESS: '1',
      NO_COLOR: '1',
    },
  };
}

function toIndexUrl(text: string): URL {
  if (!URL.canParse(text)) throw new BerthError('bad-setting', 'the Python index of the settings is no URL');
  const url = new URL(text);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** The public index, as the package URL library knows it. */
function defaultIndex(): string {
  const page =
    UrlConverter.toDownloadUrl(new PackageURL('pypi', undefined, 'x', '0', undefined, undefined))?.url ?? '';
  return new URL('..', page).href;
}

function ownUvSettings(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => {
    const [name, value] = entry;
    return value !== undefined && (UV_NAMES.has(name) || UV_CREDENTIAL.test(name));
  });
  return Object.fromEntries(entries);
}

function fromPip(pip: ReadonlyMap<string, string>): Record<string, string> {
  const index = pip.get('index-url');
  const extra = pip.get('extra-index-url');
  return {
    ...(index === undefined ? {} : { UV_DEFAULT_INDEX: index }),
    ...(extra === undefined ? {} : { UV_EXTRA_INDEX_URL: extra }),
  };
}

/** Later sources win: machine, user, named file, environment. */
async function readPip(env: NodeJS.ProcessEnv): Promise<Map<string, string>> {
  const settings = new Map<string, string>();
  for (const file of pipFiles(env)) {
    for (const [name, value] of parsePipConfig(await readText(file))) settings.set(name, value);
  }
  for (const name of ['index-url', 'extra-index-url', 'cert']) {
    const value = env[`PIP_${name.toUpperCase().replaceAll('-', '_')}`];
    if (value !== undefined && value !== '') settings.set(name, value);
  }
  return settings;
}

function pipFiles(env: NodeJS.ProcessEnv): string[] {
  const named = env.PIP_CONFIG_FILE;
  if (named === '/dev/null') return [];
  const home = env.HOME ?? homedir();
  const user = join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'pip', 'pip.conf');
  const files = ['/etc/xdg/pip/pip.conf', '/etc/pip.conf', join(home, '.pip', 'pip.conf'), user];
  return named === undefined ? files : [...files, named];
}

/** The `[global]` and `[install]` settings of a pip.conf; a value on several lines is joined by blanks. */
export function parsePipConfig(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  let section = '';
  let last: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*[#;]/.test(line) || line.trim() === '') continue;
    const header = /^\[([^\]]+)\]/.exec(line);
    const pair = /^([A-Za-z_-]+)\s*[=:]\s*(.*)$/.exec(line);
    if (header) section = header[1] ?? '';
    else if (section !== 'global' && section !== 'install') continue;
    else if (pair) {
      last = (pair[1] ?? '').replaceAll('_', '-');
      settings.set(last, (pair[2] ?? '').trim());
    } else if (last !== undefined) settings.set(last, `${settings.get(last) ?? ''} ${line.trim()}`.trim());
  }
  return settings;
}

async function readUvIndex(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const home = env.HOME ?? homedir();
  const user = join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'uv', 'uv.toml');
  const files = env.UV_CONFIG_FILE === undefined ? [user, '/etc/uv/uv.toml'] : [env.UV_CONFIG_FILE];
  for (const file of files) {
    const index = parseUvIndex(await readText(file));
    if (index !== undefined) return index;
  }
  return undefined;
}

/** The default index of a uv.toml: `index-url`, or the `[[index]]` marked `default = true`. */
export function parseUvIndex(text: string): string | undefined {
  const [top = '', ...tables] = text.split(/^\s*\[\[?/m);
  for (const table of tables) {
    if (!table.startsWith('index]]') || !/^\s*default\s*=\s*true\b/m.test(table)) continue;
    return tomlText(table, 'url');
  }
  return tomlText(top, 'index-url');
}

function tomlText(text: string, name: string): string | undefined {
  return new RegExp(`^\\s*${name}\\s*=\\s*["']([^"']+)["']`, 'm').exec(text)?.[1];
}

async function readText(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch(() => '');
}
