/** Labels: words of people's own on their servers, by which they find them again. As Kubernetes has them, because there they are its own. */
import { z } from 'zod';

export type Labels = Readonly<Record<string, string>>;

/** Labels of one server. */
const MOST = 32;
const WORD = '[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?';
const KEY = new RegExp(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?${WORD}$`);
const VALUE = new RegExp(`^(${WORD})?$`);
/** Prefixes of what programs put on objects for one another. */
const RESERVED = /^([a-z0-9.-]+\.)?(kubernetes\.io|k8s\.io|helm\.sh|berth\.dev)\//;

const key = z
  .string()
  .regex(KEY, 'must be the key of a label: letters, digits, dots, dashes and underscores, at most 63')
  .refine((text) => !RESERVED.test(text), 'is a label that programs use among themselves');
const value = z
  .string()
  .regex(VALUE, 'must be the value of a label: letters, digits, dots, dashes and underscores, at most 63');

export const labelsSchema = z
  .record(key, value)
  .refine((labels) => Object.keys(labels).length <= MOST, `may have ${MOST} entries`);

/** Those that people have given. */
export function ownLabels(labels: Labels = {}): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !RESERVED.test(name)));
}

/** Whether labels are there: `key=value`, or `key` alone for any value; every one has to be. */
export function hasLabels(labels: Labels, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const [name = '', ...rest] = text.split('=');
    const found = Object.hasOwn(labels, name) ? labels[name] : undefined;
    return found !== undefined && (rest.length === 0 || found === rest.join('='));
  });
}
