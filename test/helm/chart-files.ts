/** The files of the chart, as far as they can be read without helm. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const CHART = fileURLToPath(new URL('../../helm/berth/', import.meta.url));

export function readChart(path: string): string {
  return readFileSync(join(CHART, path), 'utf8');
}

/** Any part of a YAML or JSON document. */
export type Node = Readonly<Record<string, unknown>>;

export function readYaml<T = Node>(path: string): T {
  return parse(readChart(path)) as T;
}

/** Paths of all templates, helpers included. */
export function templatePaths(): string[] {
  return readdirSync(join(CHART, 'templates'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
    .map((name) => `templates/${name}`)
    .sort();
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** The rules of a template of a Role; `<release>` stands for the name that helm fills in. */
export function rulesOf(path: string): readonly Rule[] {
  const text = readChart(path).replaceAll('{{ include "berth.fullname" . }}', '<release>');
  const plain = text.slice(text.indexOf('rules:')).replace(/^\s*\{\{.*\}\}\s*$/gm, '');
  return (parse(plain) as { rules: readonly Rule[] }).rules;
}

/** The Roles of the chart: whose, where, and in which template. */
export const ROLES = [
  { account: 'gateway', where: 'servers', path: 'templates/gateway/role.yaml' },
  { account: 'controller', where: 'servers', path: 'templates/controller/role.yaml' },
  { account: 'controller', where: 'release', path: 'templates/controller/role-release.yaml' },
] as const;
