/** From an installed tree to the command of a server: list of arguments, environment built from nothing. */

import { mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { BerthError } from '../errors.ts';
import type { Launch } from '../supervisor/launch.ts';
import { isForbiddenEnvName } from './env-names.ts';
import type { InstalledTree } from './package.ts';

const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Of the gateway's own environment a server gets these: language, time zone and where certificates are. */
const PASSED_ON = [
  'LANG',
  'LC_ALL',
  'TZ',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'REQUESTS_CA_BUNDLE',
];

export interface LaunchInput {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The process's private home: its HOME, working directory and place of temporary files. Made if absent. */
  readonly home: string;
}

/** Throws `bad-input` for an argument or a variable that no process can or may have. */
export function toLaunch(tree: InstalledTree, input: LaunchInput, outer: NodeJS.ProcessEnv): Launch {
  checkArgs(input.args);
  checkEnv(input.env);
  const temporary = join(input.home, 'tmp');
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  return {
    file: tree.program.file,
    args: [...tree.program.args, ...input.args],
    env: { ...baseEnv(tree, input.home, outer), TMPDIR: temporary, ...input.env },
    cwd: input.home,
  };
}

function baseEnv(tree: InstalledTree, home: string, outer: NodeJS.ProcessEnv): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => {
    const value = outer[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const python = tree.resolved.ecosystem === 'pypi' ? [dirname(tree.program.file)] : [];
  return {
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ...Object.fromEntries(passed),
    PATH: [...python, dirname(process.execPath), ...SYSTEM_PATH].join(delimiter),
    HOME: home,
    NODE_ENV: 'production',
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONIOENCODING: 'utf-8',
  };
}

function checkArgs(args: readonly string[]): void {
  args.forEach((arg, index) => {
    if (arg.includes('\0')) refuse(`/args/${index}`, 'contains a NUL character');
  });
}

function checkEnv(env: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (isForbiddenEnvName(name))
      refuse(`/env/${name.slice(0, 64)}`, 'is a variable that no server may be given');
    if (value.includes('\0')) refuse(`/env/${name}`, 'contains a NUL character');
  }
}

function refuse(pointer: string, detail: string): never {
  throw new BerthError('bad-input', `${pointer.slice(1)}: ${detail}`, { fields: [{ pointer, detail }] });
}
