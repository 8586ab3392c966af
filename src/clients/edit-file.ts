/** Edits of a client's file that leave everything else as it is: comments, order, indentation. */
import { BerthError } from '../errors.ts';
import type { ClientDefinition, Edit, Entry } from './client.ts';
import { editJsonc, parseJsonc } from './jsonc-file.ts';
import { goneItem, memberOf } from './list-edit.ts';
import { editToml, parseTomlFile } from './toml-file.ts';
import { editYaml, parseYamlFile } from './yaml-file.ts';

/** The whole file as a value. Throws `bad-input` for text that is not of its format. */
export function parseFile(text: string, { format }: Pick<ClientDefinition, 'format'>): Entry {
  const value = PARSERS[format](text);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Entry;
  throw new BerthError('bad-input', 'the file holds no settings');
}

/** The text with one edit made; `value` undefined takes it out. Throws `bad-input`. */
export function editFile(text: string, edit: Edit, { format }: Pick<ClientDefinition, 'format'>): string {
  return EDITORS[format](text, edit);
}

/** The entry of a server in a file; undefined when there is none. */
export function entryOf(
  file: Entry,
  name: string,
  { servers, list }: Pick<ClientDefinition, 'servers' | 'list'>,
): unknown {
  const all = servers.reduce<unknown>((value, part) => memberOf(value, part), file);
  if (list === true)
    return Array.isArray(all) ? all.find((one) => memberOf(one, 'name') === name) : undefined;
  return memberOf(all, name);
}

/** The edit that sets a server's entry, or takes it out. */
export function serverEdit(
  name: string,
  entry: Entry | undefined,
  { servers, list }: Pick<ClientDefinition, 'servers' | 'list'>,
): Edit {
  if (list !== true) return { path: [...servers, name], value: entry };
  return { path: servers, listKey: 'name', value: entry ? { name, ...entry } : goneItem('name', name) };
}

const PARSERS = { jsonc: parseJsonc, toml: parseTomlFile, yaml: parseYamlFile };
const EDITORS = { jsonc: editJsonc, toml: editToml, yaml: editYaml };
