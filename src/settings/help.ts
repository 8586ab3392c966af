/** The table of settings for the documentation and for `--help`. */
import { SETTING_KEYS } from './keys.ts';
import { type Settings, settingsSchema } from './schema.ts';

export interface SettingHelp {
  readonly key: string;
  readonly variable: string;
  readonly flag: string;
  readonly description: string;
  /** As text; empty where there is none or where it depends on the machine. */
  readonly fallback: string;
}

/** One row per setting: durations are in milliseconds, sizes in bytes. */
export function settingsHelp(): readonly SettingHelp[] {
  const defaults = settingsSchema.parse({});
  return SETTING_KEYS.map(({ key, variable, flag, description }) => ({
    key,
    variable,
    flag,
    description,
    fallback: key === 'dataDir' ? '' : toText(valueAt(defaults, key)),
  }));
}

/** The value of a dotted key. */
export function valueAt(settings: Settings, key: string): unknown {
  return key.split('.').reduce<unknown>((node, name) => Object(node)[name], settings);
}

function toText(value: unknown): string {
  return value === undefined || (Array.isArray(value) && value.length === 0) ? '' : String(value);
}
