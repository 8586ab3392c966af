/** A template of one's own that is another one with some things said differently. */
import { BerthError } from '../errors.ts';
import type { ServerJson } from './server-json.ts';
import { readDocument, type Template } from './template.ts';
import { EXTRAS_KEY, PUBLISHER_KEY } from './template-extras.ts';

type Json = Record<string, unknown>;

/**
 * The base with the overlay on it, under a slug of its own: variables and tools by name, tags united in order, arguments and remotes
 * replaced as a whole, everything else the overlay's where it says something. Throws `bad-input`.
 */
export function mergeTemplates(base: Template, overlay: unknown, slug: string): Template {
  if (!isObject(overlay))
    throw new BerthError('bad-input', 'server must be an object with members of a server.json');
  const own = extrasIn(overlay);
  const { _meta: _, packages, name, ...rest } = overlay;
  const document = {
    ...base.document,
    ...rest,
    name: typeof name === 'string' ? name : `dev.berth.custom/${slug}`,
    ...mergedPackages(base.document, packages),
    _meta: {
      ...base.document._meta,
      [PUBLISHER_KEY]: {
        ...publisherData(base.document),
        [EXTRAS_KEY]: { ...mergeExtras(base.extras, own), slug },
      },
    },
  };
  return readDocument(document, base.readme);
}

function mergeExtras(base: Template['extras'], own: Json): Json {
  const tags = [...new Set([...base.tags, ...stringsOf(own.tags)])];
  const nested = (name: 'runner' | 'behavior') => ({
    ...base[name],
    ...(isObject(own[name]) ? own[name] : {}),
  });
  return {
    ...base,
    ...own,
    tags,
    tools: byName(base.tools, own.tools),
    runner: nested('runner'),
    behavior: nested('behavior'),
  };
}

/** The first package of the overlay lies on the base's package of the same registry and name, or on its first. */
function mergedPackages(base: ServerJson, overlay: unknown): { packages?: unknown[] } {
  const list = base.packages ?? [];
  if (overlay === undefined) return list.length > 0 ? { packages: list } : {};
  if (!Array.isArray(overlay)) throw new BerthError('bad-input', 'packages must be a list');
  return { packages: overlay.map((one, index) => mergePackage(baseOf(list, one, index), one)) };
}

function baseOf(list: NonNullable<ServerJson['packages']>, overlay: unknown, index: number): Json {
  if (!isObject(overlay)) return {};
  const { registryType, identifier } = overlay;
  const same = list.find((one) => one.registryType === registryType && one.identifier === identifier);
  return same ?? (identifier === undefined ? (list[index] ?? {}) : {});
}

function mergePackage(base: Json, overlay: unknown): unknown {
  if (!isObject(overlay)) return overlay;
  const variables = byName(base.environmentVariables, overlay.environmentVariables);
  return { ...base, ...overlay, ...(variables.length > 0 && { environmentVariables: variables }) };
}

/** Those of the base, each with what the overlay says of it, then what only the overlay has. */
function byName(base: unknown, overlay: unknown): Json[] {
  const items = new Map<unknown, Json>();
  for (const one of [...objectsOf(base), ...objectsOf(overlay)])
    items.set(one.name, { ...items.get(one.name), ...one });
  return [...items.values()];
}

function extrasIn(document: Json): Json {
  const meta = isObject(document._meta) ? document._meta[PUBLISHER_KEY] : undefined;
  const own = isObject(meta) ? meta[EXTRAS_KEY] : undefined;
  return isObject(own) ? own : {};
}

function publisherData(document: ServerJson): Json {
  return document._meta?.[PUBLISHER_KEY] ?? {};
}

function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
