/** Settings from flags, environment, file and defaults, in this order of precedence. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { BerthError } from '../errors.ts';
import { type Settings, settingsSchema } from './schema.ts';
import {
  type Environment,
  type Flags,
  fromEnvironment,
  fromFile,
  fromFlags,
  fromOlderNames,
  type GivenSettings,
} from './sources.ts';
import { fromStandardNames } from './standard-names.ts';

export interface SettingsInput {
  /** Flags by camel-case or dotted name; `config` names the file. */
  readonly flags?: Flags;
  readonly env?: Environment;
  /** Reads the settings file; throws when it cannot. */
  readonly readFile?: (path: string) => string;
  /** Told about older names in use and about names that do nothing here. */
  readonly onNotice?: (text: string) => void;
  /** Told where each setting that was given was given, by its key. */
  readonly onSource?: (key: string, source: string) => void;
}

/** Reads and checks all settings once. Throws `bad-setting` that names the key, where it was given and what is expected. */
export function loadSettings(input: SettingsInput = {}): Settings {
  const { flags = {}, env = {}, onNotice, onSource } = input;
  const older = fromOlderNames(env);
  const given: GivenSettings = new Map([
    ...readConfig(input),
    ...fromStandardNames(env),
    ...older.given,
    ...fromEnvironment(env),
    ...fromFlags(flags),
  ]);
  const result = settingsSchema.safeParse(toTree(given));
  if (!result.success) throw badValue(result.error.issues, given);
  for (const notice of older.notices) onNotice?.(notice);
  for (const [key, { source }] of given) onSource?.(key, source);
  return deepFreeze(result.data);
}

function readConfig({ flags = {}, env = {}, readFile = readText }: SettingsInput): GivenSettings {
  const path = flags.config ?? env.BERTH_CONFIG;
  if (path === undefined || path === '') return new Map();
  if (typeof path !== 'string') throw new BerthError('bad-setting', 'flag --config: expected one path');
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    throw new BerthError('bad-setting', `the settings file ${path} cannot be read`, { cause });
  }
  return fromFile(text, path);
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

function toTree(given: GivenSettings): Record<string, unknown> {
  const tree: Record<string, unknown> = {};
  for (const [key, { value }] of given) {
    const [group, name] = key.split('.');
    if (group === undefined) continue;
    if (name === undefined) tree[group] = value;
    else tree[group] = { ...(tree[group] as Record<string, unknown> | undefined), [name]: value };
  }
  return tree;
}

/** Values are left out on purpose: what was given by mistake may be a secret. */
function badValue(issues: readonly z.core.$ZodIssue[], given: GivenSettings): BerthError {
  const fields = issues.map((issue) => {
    const key =
      [2, 1].map((depth) => issue.path.slice(0, depth).join('.')).find((path) => given.has(path)) ??
      issue.path.join('.');
    return { key, source: given.get(key)?.source ?? 'default', expected: issue.message };
  });
  const text = fields.map(({ key, source, expected }) => `${key} (${source}): expected ${expected}`);
  return new BerthError('bad-setting', `bad setting ${[...new Set(text)].join('; ')}`, {
    fields: fields.map(({ key, expected }) => ({ pointer: key, detail: `expected ${expected}` })),
  });
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}
