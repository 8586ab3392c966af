/** Reads flags, environment and file into single values with their origin. Nothing is checked here but names. */
import { LineCounter, parseDocument } from 'yaml';
import { BerthError } from '../errors.ts';
import { SETTING_GROUPS, SETTING_KEYS } from './keys.ts';
import { nearest } from './nearest.ts';
import { fromOlderValue, OLDER_NAMES, WITHOUT_EFFECT } from './older-names.ts';

/** A value as it was given, and where. */
export interface Given {
  readonly value: unknown;
  /** For messages: `environment variable BERTH_PORT`. */
  readonly source: string;
}

export type GivenSettings = Map<string, Given>;

/** Flag values by camel-case or dotted name, as an argument parser hands them over. */
export type Flags = Readonly<Record<string, unknown>>;
export type Environment = Readonly<Record<string, string | undefined>>;

const BY_VARIABLE = new Map(SETTING_KEYS.map((setting) => [setting.variable, setting.key]));
const BY_FLAG = new Map(SETTING_KEYS.map((setting) => [setting.flag, setting.key]));
const BY_KEY = new Set(SETTING_KEYS.map((setting) => setting.key));

/** Variables of ours that are no settings of the gateway: the command's, and the mark that processes carry. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'BERTH_CONFIG',
  'BERTH_URL',
  'BERTH_KEY',
  'BERTH_PROCESS',
]);

/** What Kubernetes puts into every container for a Service whose name begins with berth. */
const SERVICE_VARIABLE =
  /^BERTH_(?:[A-Z0-9_]*_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const SERVICE_URL = /^(?:tcp|udp|sctp):\/\//;

/** Flags by key; undefined values count as not given. Throws `bad-setting` for a flag that means nothing. */
export function fromFlags(flags: Flags): GivenSettings {
  const given: GivenSettings = new Map();
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined || name === 'config') continue;
    const written = toFlag(name);
    const key = BY_FLAG.get(written);
    if (key === undefined) throw unknownName(`flag ${written}`, written, [...BY_FLAG.keys(), '--config']);
    given.set(key, { value, source: `flag ${written}` });
  }
  return given;
}

function toFlag(name: string): string {
  const words = name.replace(/^--/, '').replaceAll('.', '-');
  return `--${words.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Variables by key; empty ones count as not given. Throws `bad-setting` for a `BERTH_` variable that means nothing. */
export function fromEnvironment(env: Environment): GivenSettings {
  const given: GivenSettings = new Map();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('BERTH_') || isForeign(name, value)) continue;
    const key = BY_VARIABLE.get(name);
    if (key === undefined) throw unknownName(`environment variable ${name}`, name, [...BY_VARIABLE.keys()]);
    if (value !== undefined && value !== '')
      given.set(key, { value, source: `environment variable ${name}` });
  }
  return given;
}

function isForeign(name: string, value: string | undefined): boolean {
  return OTHER_VARIABLES.has(name) || SERVICE_VARIABLE.test(name) || isServiceUrl(name, value);
}

/** `BERTH_PORT=tcp://10.0.0.1:8053` is the address of a Service, not our port. */
function isServiceUrl(name: string, value: string | undefined): boolean {
  return name.endsWith('_PORT') && value !== undefined && SERVICE_URL.test(value);
}

/** Variables of older names, and one notice for each. */
export function fromOlderNames(env: Environment): {
  readonly given: GivenSettings;
  readonly notices: readonly string[];
} {
  const given: GivenSettings = new Map();
  const notices: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value === '' || isServiceUrl(name, value)) continue;
    const key = OLDER_NAMES.get(name);
    const instead = WITHOUT_EFFECT.get(name);
    if (instead !== undefined)
      notices.push(
        `environment variable ${name} has no effect; instead of it: ${instead.replaceAll('`', '')}`,
      );
    if (key === undefined) continue;
    given.set(key, { value: fromOlderValue(name, value), source: `environment variable ${name}` });
    notices.push(`environment variable ${name} is an older name of ${variableOf(key)}`);
  }
  return { given, notices };
}

function variableOf(key: string): string {
  return SETTING_KEYS.find((setting) => setting.key === key)?.variable ?? key;
}

/** Settings of a YAML text. Throws `bad-setting` for a key that means nothing and for what is no YAML mapping. */
export function fromFile(text: string, path: string): GivenSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new BerthError(
      'bad-setting',
      `file ${path} is no valid YAML: line ${line}, column ${col} (${problem.code})`,
    );
  }
  const given: GivenSettings = new Map();
  collect(document.toJS(), { prefix: '', path, given });
  return given;
}

function collect(
  node: unknown,
  into: { readonly prefix: string; readonly path: string; readonly given: GivenSettings },
): void {
  const { prefix, path, given } = into;
  if (node === null || node === undefined) return;
  if (typeof node !== 'object' || Array.isArray(node)) {
    const where = prefix === '' ? 'the document' : prefix.slice(0, -1);
    throw new BerthError(
      'bad-setting',
      `${where} in file ${path}: expected a mapping of setting names to values`,
    );
  }
  for (const [name, value] of Object.entries(node)) {
    const key = `${prefix}${name}`;
    if (SETTING_GROUPS.has(key)) collect(value, { prefix: `${key}.`, path, given });
    else if (!BY_KEY.has(key)) throw unknownName(`key ${key} in file ${path}`, key, [...BY_KEY]);
    else if (value !== null) given.set(key, { value, source: `file ${path}` });
  }
}

function unknownName(what: string, name: string, known: readonly string[]): BerthError {
  const meant = nearest(name, known);
  const hint =
    meant === undefined
      ? 'Remove it, or see the list of settings in the documentation.'
      : `Did you mean ${meant}?`;
  return new BerthError(
    'bad-setting',
    `unknown ${what}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    {
      hint,
      fields: [{ pointer: name, detail: 'unknown setting' }],
    },
  );
}
