/** The names of every setting, read off the schema: its key, its environment variable, its flag. */
import { z } from 'zod';
import { settingsSchema } from './schema.ts';

export interface SettingKey {
  /** Dotted path in the file, such as `limits.requestTimeout`. */
  readonly key: string;
  /** Such as `BERTH_LIMITS_REQUEST_TIMEOUT`. */
  readonly variable: string;
  /** Such as `--limits-request-timeout`. */
  readonly flag: string;
  readonly description: string;
  /** A flag without value means true. */
  readonly isSwitch: boolean;
  /** A repeated flag adds to a list. */
  readonly isList: boolean;
}

/** Every setting in the order of the schema. */
export const SETTING_KEYS: readonly SettingKey[] = collect(settingsSchema, '');

/** Groups such as `limits`, which hold settings but are none. */
export const SETTING_GROUPS: ReadonlySet<string> = new Set(
  SETTING_KEYS.filter(({ key }) => key.includes('.')).map(({ key }) => key.slice(0, key.lastIndexOf('.'))),
);

function collect(schema: z.ZodObject, prefix: string): SettingKey[] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const inner = unwrap(field);
    if (inner instanceof z.ZodObject) return collect(inner, `${prefix}${name}.`);
    return [describe(`${prefix}${name}`, field, inner)];
  });
}

function describe(key: string, field: z.core.$ZodType, inner: z.core.$ZodType): SettingKey {
  const words = key.replaceAll('.', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    key,
    variable: `BERTH_${words.replaceAll('-', '_').toUpperCase()}`,
    flag: `--${words}`,
    description: z.globalRegistry.get(field)?.description ?? '',
    isSwitch: inner instanceof z.ZodBoolean,
    isList: inner instanceof z.ZodArray,
  };
}

/** The schema below defaults and conversions from text. */
function unwrap(field: z.core.$ZodType): z.core.$ZodType {
  if (field instanceof z.ZodDefault || field instanceof z.ZodPrefault || field instanceof z.ZodOptional) {
    return unwrap(field.unwrap());
  }
  if (field instanceof z.ZodPipe) return unwrap(field.in instanceof z.ZodTransform ? field.out : field.in);
  return field;
}
