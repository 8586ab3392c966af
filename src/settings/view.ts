/** What a program runs with, and where each setting was given, as an operator may see it. */
import { valueAt } from './help.ts';
import { SETTING_KEYS } from './keys.ts';
import type { Settings } from './schema.ts';

export interface SettingOrigin {
  /** As in the file, such as `limits.idle`. */
  readonly key: string;
  /** Durations in milliseconds, sizes in bytes; of keys their names; null where there is none. */
  readonly value: unknown;
  /** `default`, or for example `environment variable BERTH_PORT`. */
  readonly source: string;
}

/** Every setting in the order of the schema. `sources`: by key, of those that were given. */
export function viewSettings(settings: Settings, sources: ReadonlyMap<string, string>): SettingOrigin[] {
  return SETTING_KEYS.map(({ key }) => ({
    key,
    // A hash of a key is no secret, and nobody has to see it either.
    value: key === 'keys' ? settings.keys.map(({ name }) => name) : (valueAt(settings, key) ?? null),
    source: sources.get(key) ?? 'default',
  }));
}
