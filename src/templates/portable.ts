/** Templates that leave Berth and come back: as files of Berth, of the MCP registry and of an earlier system. Nothing is lost on the way. */
import { z } from 'zod';
import { BerthError, toBerthError } from '../errors.ts';
import { fromLegacyTemplate, isLegacyTemplate } from './legacy-template.ts';
import { fromShortForm, isShortForm } from './short-form.ts';
import { readDocument, type Template } from './template.ts';

/** Of {@link exportTemplates}. */
export const EXPORT_VERSION = '1.0';
const MAX_ITEMS = 10_000;

export interface ExportFile {
  readonly version: typeof EXPORT_VERSION;
  readonly templates: readonly {
    readonly slug: string;
    readonly server: unknown;
    readonly readme?: string;
  }[];
}

export interface Skipped {
  /** Place in the file, from 0. */
  readonly index: number;
  readonly name: string;
  readonly error: BerthError;
}

export interface ReadTemplates {
  readonly templates: readonly Template[];
  readonly skipped: readonly Skipped[];
}

export function exportTemplates(templates: readonly Template[]): ExportFile {
  return {
    version: EXPORT_VERSION,
    templates: templates.map(({ slug, document, readme }) => ({
      slug,
      server: document,
      ...(readme !== '' && { readme }),
    })),
  };
}

/**
 * One template in any form that is known: a `server.json`, one with its `readme` beside it (`{server, readme, slug}`, also as the MCP registry
 * answers), the short form, or an earlier system's. Throws `bad-input`.
 */
export function readTemplate(value: unknown): Template {
  if (isLegacyTemplate(value)) return readDocument(convert(() => fromLegacyTemplate(value)));
  if (isShortForm(value)) return readDocument(convert(() => fromShortForm(value)));
  if (isObject(value) && isObject(value.server)) {
    const { server, readme, slug } = value;
    return readDocument(
      server,
      typeof readme === 'string' ? readme : '',
      typeof slug === 'string' ? slug : undefined,
    );
  }
  return readDocument(value);
}

/**
 * All templates of a file: an export of Berth or an earlier system, an answer of an MCP registry, a ToolHive registry, an array, or one
 * document. What is no template is skipped and named. Throws `bad-input` when nothing in it can be a template.
 */
export function readTemplates(value: unknown): ReadTemplates {
  const items = itemsOf(value);
  if (items.length > MAX_ITEMS)
    throw new BerthError('too-large', `the file has ${items.length} templates; ${MAX_ITEMS} is the limit`);
  const templates: Template[] = [];
  const skipped: Skipped[] = [];
  const slugs = new Set<string>();
  for (const [index, item] of items.entries()) {
    try {
      const template = readTemplate(item);
      if (slugs.has(template.slug))
        throw new BerthError('conflict', `the slug ${template.slug} stands in the file twice`);
      slugs.add(template.slug);
      templates.push(template);
    } catch (error) {
      skipped.push({ index, name: nameOf(item), error: toBerthError(error) });
    }
  }
  return { templates, skipped };
}

function itemsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  if (isObject(value)) {
    const { templates, servers, data } = value;
    if (Array.isArray(templates)) return templates;
    if (Array.isArray(servers)) return servers;
    if (isObject(data) && Array.isArray(data.servers)) return data.servers;
    return [value];
  }
  throw new BerthError('bad-input', 'there is no template in it', {
    hint: 'Give a server.json, an export of berth catalog export, or an answer of an MCP registry.',
  });
}

function nameOf(item: unknown): string {
  if (!isObject(item)) return '';
  const { slug, name, server_id: id, server } = item;
  const found = [slug, name, id, isObject(server) ? server.name : undefined].find(
    (one) => typeof one === 'string',
  );
  return typeof found === 'string' ? found.slice(0, 200) : '';
}

function convert(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const fields = error.issues.map(({ path, message }) => ({
      pointer: path.map((part) => `/${String(part)}`).join(''),
      detail: message,
    }));
    const [first] = fields;
    throw new BerthError(
      'bad-input',
      `the template${first?.pointer ?? ''}: ${first?.detail ?? 'is invalid'}`,
      { fields },
    );
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
