/** The catalogue as an MCP registry shows it (API v0.1): one entry for each version of a server, with what only this registry knows beside it. */

import type { Template } from './template.ts';
import { checkedPackage, verificationOf } from './template-check.ts';
import { toolsOf } from './template-tools.ts';

const OFFICIAL_KEY = 'io.modelcontextprotocol.registry/official';
/** What Berth says of an entry, beside the document. */
export const BERTH_KEY = 'dev.berth/catalogue';

export interface RegistryEntry {
  readonly server: unknown;
  readonly _meta: Readonly<Record<string, unknown>>;
}

export interface RegistryList {
  readonly servers: readonly RegistryEntry[];
  readonly metadata: { readonly count: number; readonly nextCursor?: string };
}

/** `isLatest`: no other template has a newer version of the same server. */
export function toRegistryEntry(template: Template, isLatest: boolean): RegistryEntry {
  const { slug, document, extras } = template;
  const updatedAt = updatedAtOf(template);
  return {
    server: document,
    _meta: {
      [OFFICIAL_KEY]: {
        status: extras.status === 'deprecated' ? 'deprecated' : 'active',
        ...(extras.status === 'deprecated' &&
          extras.statusMessage !== undefined && { statusMessage: extras.statusMessage }),
        ...(updatedAt !== undefined && { publishedAt: updatedAt, updatedAt }),
        isLatest,
      },
      [BERTH_KEY]: {
        slug,
        runnable: extras.status !== 'unavailable',
        ...(checkedPackage(template) !== undefined && verificationOf(template)),
        tools: toolsOf(template).map(({ name }) => name),
      },
    },
  };
}

export function toRegistryList(templates: readonly Template[]): RegistryList {
  const latest = latestOf(templates);
  return {
    servers: templates.map((template) => toRegistryEntry(template, latest.has(template))),
    metadata: { count: templates.length },
  };
}

/** Where an entry stands in the list: by name, then by version. */
export type RegistryPlace = readonly [name: string, version: string, slug: string];

export function placeOf({ document, slug }: Template): RegistryPlace {
  return [document.name, document.version, slug];
}

export function comparePlaces(a: RegistryPlace, b: RegistryPlace): number {
  return compare(a[0], b[0]) || compareVersions(a[1], b[1]) || compare(a[2], b[2]);
}

/** The newest of each server. */
export function latestOf(templates: readonly Template[]): ReadonlySet<Template> {
  const newest = new Map<string, Template>();
  for (const template of templates) {
    const other = newest.get(template.document.name);
    if (!other || comparePlaces(placeOf(other), placeOf(template)) < 0)
      newest.set(template.document.name, template);
  }
  return new Set(newest.values());
}

/** ISO 8601; undefined for a template of which no day is known. */
export function updatedAtOf({ custom, check }: Template): string | undefined {
  return custom?.updatedAt ?? (check && `${check.checkedAt}T00:00:00Z`);
}

/** Numbers as numbers, everything else as text. */
function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
