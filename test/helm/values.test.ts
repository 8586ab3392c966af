/** Values, their schema, their table and the templates speak of the same things. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PRIVATE_CIDRS } from '../../src/cluster/objects/network-policy.ts';
import { SETTING_KEYS } from '../../src/settings/keys.ts';
import { table, withSection } from '../docs/pages.ts';
import { CHART, type Node, readChart, readYaml, templatePaths } from './chart-files.ts';
import { at, valueRows } from './values-doc.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** Settings that the chart works out itself, has another value for, or that mean nothing in a cluster. */
const NOT_SETTINGS =
  /^(host|port|metricsPort|dataDir|keys|sealKeys|linkCertificates|peers|tlsCertificate|runtime|release|servers\.namespace|allow\..*|resources\..*|traces\..*|trees\..*)$/;

const schema = JSON.parse(readChart('values.schema.json')) as Schema;
const rows = valueRows();
const values = readYaml('values.yaml');

function resolve(node: Schema): Schema {
  if (node.$ref === undefined) return node;
  const definition = schema.definitions?.[node.$ref.replace('#/definitions/', '')];
  if (definition === undefined) throw new Error(`${node.$ref} is not defined`);
  return definition;
}

/** Dotted paths of everything that the schema names, below `node`. */
function pathsOf(node: Schema, prefix = ''): string[] {
  return Object.entries(resolve(node).properties ?? {}).flatMap(([name, member]) => {
    const inner = pathsOf(member, `${prefix}${name}.`);
    return inner.length > 0 ? inner : [`${prefix}${name}`];
  });
}

function everySchema(node: Schema): Schema[] {
  const members = [
    ...Object.values(node.properties ?? {}),
    ...Object.values(node.definitions ?? {}),
    ...(node.items ? [node.items] : []),
  ];
  return [node, ...members.flatMap(everySchema)];
}

describe('the values', () => {
  it('are all explained', () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter(({ comment }) => !comment.endsWith('.')).map(({ key }) => key)).toEqual([]);
  });

  it('have these names', async () => {
    await expect(`${rows.map(({ key }) => key).join('\n')}\n`).toMatchFileSnapshot('pins/values.txt');
  });

  it('are in the README', async () => {
    const lines = rows.map(({ key, fallback, comment }) => [
      `\`${key}\``,
      `\`${JSON.stringify(fallback)}\``,
      comment,
    ]);
    const page = withSection(
      readChart('README.md'),
      'values',
      table(['value', 'default', 'what it means'], lines),
    );
    await expect(page).toMatchFileSnapshot(join(CHART, 'README.md'));
  });

  it('are all in the schema', () => {
    const missing = rows.filter(({ key }) => {
      const found = key
        .split('.')
        .reduce<Schema | undefined>(
          (node, name) => (node === undefined ? node : resolve(node).properties?.[name]),
          schema,
        );
      return found === undefined;
    });
    expect(missing.map(({ key }) => key)).toEqual([]);
  });

  it('are all read by a template', () => {
    const text = templatePaths().map(readChart).join('\n');
    const unread = rows.filter(({ key }) => !new RegExp(`\\b${key.split('.').at(-1)}\\b`).test(text));
    expect(unread.map(({ key }) => key)).toEqual([]);
  });

  it('are there when a template reads them', () => {
    const read = templatePaths().flatMap((path) =>
      [...readChart(path).matchAll(/\.Values\.([A-Za-z.]+)/g)].map((match) => match[1] ?? ''),
    );
    const known = (path: string): boolean =>
      at(values, path) !== undefined || /^(settings|config\.mcp|global)\./.test(path);
    expect([...new Set(read)].filter((path) => !known(path))).toEqual([]);
  });

  it('keep servers from the same private addresses as the controller does', () => {
    expect(at(values, 'networkPolicies.privateCidrs')).toEqual(PRIVATE_CIDRS);
  });
});

describe('the schema', () => {
  it('names no value that is not there', () => {
    const inGroups = pathsOf(schema).filter(
      (path) => !rows.some(({ key }) => path === key || path.startsWith(`${key}.`)),
    );
    expect(inGroups).toEqual([]);
  });

  it('refuses what it does not name', () => {
    const open = everySchema(schema).filter(
      ({ properties, additionalProperties }) => properties && additionalProperties !== false,
    );
    // Values that a parent chart shares with all its charts.
    expect(open).toEqual([schema.properties?.global]);
  });

  it('knows every setting of the gateway, and no other', () => {
    const named = pathsOf(schema.properties?.settings ?? {});
    const settings = SETTING_KEYS.map(({ key }) => key).filter((key) => !NOT_SETTINGS.test(key));
    expect(named.sort()).toEqual(settings.sort());
  });

  it('knows every field of an MCPServer, and no other', () => {
    const crd = readYaml<{ spec: { versions: readonly Node[] } }>('files/mcpservers.berth.dev.yaml');
    const spec = at(crd.spec.versions[0], 'schema.openAPIV3Schema.properties.spec.properties') as object;
    const server = Object.keys(schema.definitions?.server?.properties ?? {});
    expect(server.sort()).toEqual(['enabled', ...Object.keys(spec)].sort());
  });
});

it('the chart has the version of the package', () => {
  const chart = readYaml<{ version: string; appVersion: string }>('Chart.yaml');
  const { version } = readYaml<{ version: string }>('../../package.json');
  expect([chart.version, chart.appVersion]).toEqual([version, version]);
});
