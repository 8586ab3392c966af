/**
 * `/v0.1/servers`: the catalogue as an MCP registry, for IDEs and other tools, read-only and for pages of any origin. Its errors have the
 * registry's own shape.
 */
import type { Context } from 'hono';
import { toBerthError } from '../errors.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import {
  comparePlaces,
  latestOf,
  placeOf,
  type RegistryPlace,
  toRegistryEntry,
  toRegistryList,
  updatedAtOf,
} from '../templates/registry-entry.ts';
import type { Template } from '../templates/template.ts';
import { text } from './query.ts';
import type { ApiVariables } from './request-checks.ts';
import { type Answer, type Api, addRoute } from './route.ts';
import { registryEntrySchema, registryErrorSchema, registryListSchema } from './schemas/registry.ts';

export const REGISTRY = '/v0.1';

/** What a page of any origin may do here: read, also with a key of its own. */
export const OPEN_CORS: Readonly<Record<string, string>> = Object.freeze({
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, OPTIONS',
  'Access-Control-Allow-Headers': 'Authorization, Content-Type',
});

const DEFAULT_LIMIT = 30;
const MAX_LIMIT = 100;
const READ_ONLY = 'this registry is read-only: add templates with berth catalog import';

class RegistryFault extends Error {
  readonly status: 400 | 404;

  constructor(status: 400 | 404, message: string) {
    super(message);
    this.status = status;
  }
}

const tag = 'registry';
const refused = (description: string): Answer => ({ description, schema: registryErrorSchema });
const REFUSALS = {
  400: refused('A parameter is wrong.'),
  401: refused('The key is not valid.'),
  403: refused('This caller may not read here.'),
  421: refused('This is not the host.'),
  500: refused('It could not be answered.'),
};
const CORS = { 'Access-Control-Allow-Origin': 'Pages of any origin may read.' };
const name = { description: 'Name of the server, its slash as `%2F`.' };

export function addRegistryRoutes(app: Api, templates: TemplateCatalogue): void {
  const answer = (work: (context: Context<ApiVariables>) => unknown) => (call: RegistryCall) => {
    try {
      return call.context.json(work(call.context) as object, 200, {
        ...OPEN_CORS,
        'Cache-Control': 'no-store',
      });
    } catch (thrown) {
      return fail(call.context, thrown);
    }
  };
  addRoute(
    app,
    {
      id: 'listRegistry',
      method: 'get',
      path: `${REGISTRY}/servers`,
      tag,
      problems: 'own',
      summary: 'The catalogue as an MCP registry',
      query: {
        search: text('Only those with this text in name, title or description.'),
        updated_since: text('Only those that were changed since this time (RFC 3339).'),
        version: text('Only those of this version, or `latest`.'),
        limit: text(`Entries of one page, 1 to ${MAX_LIMIT}; ${DEFAULT_LIMIT} unless given.`),
        cursor: text('Where the page begins: `nextCursor` of the one before.'),
      },
      answers: {
        200: { description: 'A page of it.', schema: registryListSchema, headers: CORS },
        ...REFUSALS,
      },
    },
    answer((context) => listServers(context, entriesFor(context, templates))),
  );
  const missing = { 404: refused('There is no such server.') };
  addRoute(
    app,
    {
      id: 'listRegistryVersions',
      method: 'get',
      path: `${REGISTRY}/servers/{name}/versions`,
      params: { name },
      tag,
      problems: 'own',
      summary: 'All versions of a server in the registry',
      answers: {
        200: { description: 'All of them.', schema: registryListSchema, headers: CORS },
        ...REFUSALS,
        ...missing,
      },
    },
    answer((context) => toRegistryList(versionsOf(context, templates).reverse())),
  );
  addRoute(
    app,
    {
      id: 'getRegistryVersion',
      method: 'get',
      path: `${REGISTRY}/servers/{name}/versions/{version}`,
      params: { name, version: { description: 'A version, or `latest`.' } },
      tag,
      problems: 'own',
      summary: 'One version of a server in the registry',
      answers: {
        200: { description: 'The version.', schema: registryEntrySchema, headers: CORS },
        ...REFUSALS,
        ...missing,
      },
    },
    answer((context) => oneVersion(context, templates)),
  );
  app.all(`${REGISTRY}/*`, (context) => {
    const reading = context.req.method === 'GET' || context.req.method === 'HEAD';
    return context.json({ error: reading ? 'not found' : READ_ONLY }, reading ? 404 : 501, OPEN_CORS);
  });
}

interface RegistryCall {
  readonly context: Context<ApiVariables>;
}

/** A web page without a key sees what comes with Berth, which is public anyway; what people have added is for them. */
function entriesFor({ req }: Context<ApiVariables>, templates: TemplateCatalogue): readonly Template[] {
  const isForeign = req.header('Origin') !== undefined && req.header('Authorization') === undefined;
  const all = templates.inRegistryOrder();
  return isForeign ? all.filter(({ custom }) => custom === undefined) : all;
}

function listServers({ req }: Context<ApiVariables>, all: readonly Template[]): unknown {
  const limit = readLimit(req.query('limit'));
  const since = readTime(req.query('updated_since'));
  const search = req.query('search')?.toLowerCase();
  const version = req.query('version');
  const latest = latestOf(all);
  const found = all.filter(
    (template) =>
      (search === undefined || textOf(template).includes(search)) &&
      (since === undefined || isSince(template, since)) &&
      (version === undefined ||
        (version === 'latest' ? latest.has(template) : template.document.version === version)),
  );
  const after = readCursor(req.query('cursor'));
  const start =
    after === undefined ? 0 : found.findIndex((template) => comparePlaces(placeOf(template), after) > 0);
  const page = start < 0 ? [] : found.slice(start, start + limit);
  const last = page.at(-1);
  const isMore = last !== undefined && found.at(-1) !== last;
  return {
    servers: page.map((template) => toRegistryEntry(template, latest.has(template))),
    metadata: { count: page.length, ...(isMore && { nextCursor: toCursor(last) }) },
  };
}

function oneVersion(context: Context<ApiVariables>, templates: TemplateCatalogue): unknown {
  const versions = versionsOf(context, templates);
  const version = context.req.param('version');
  const found =
    version === 'latest' ? versions.at(-1) : versions.find(({ document }) => document.version === version);
  if (!found) throw new RegistryFault(404, 'Server version not found');
  return toRegistryEntry(found, found === versions.at(-1));
}

/** Oldest first. */
function versionsOf(context: Context<ApiVariables>, templates: TemplateCatalogue): Template[] {
  const name = context.req.param('name');
  const versions = entriesFor(context, templates).filter(({ document }) => document.name === name);
  if (versions.length === 0) throw new RegistryFault(404, 'Server not found');
  return versions;
}

function toCursor(template: Template): string {
  return Buffer.from(JSON.stringify(placeOf(template))).toString('base64url');
}

function readCursor(text: string | undefined): RegistryPlace | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const place: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (Array.isArray(place) && place.length === 3 && place.every((part) => typeof part === 'string'))
      return place as unknown as RegistryPlace;
  } catch {
    // Falls through: what is no cursor is told so below.
  }
  throw new RegistryFault(400, 'cursor is not one of this registry');
}

function readLimit(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
    throw new RegistryFault(400, `limit must be a number from 1 to ${MAX_LIMIT}`);
  return Math.min(Number(text), MAX_LIMIT);
}

function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new RegistryFault(400, 'updated_since must be an RFC 3339 time');
  return time;
}

/** What has no known day is always told: better twice than never. */
function isSince(template: Template, since: number): boolean {
  const updatedAt = updatedAtOf(template);
  return updatedAt === undefined || Date.parse(updatedAt) >= since;
}

function textOf({ document }: Template): string {
  return `${document.name} ${document.title ?? ''} ${document.description}`.toLowerCase();
}

function fail(context: Context<ApiVariables>, thrown: unknown): Response {
  if (thrown instanceof RegistryFault)
    return context.json({ error: thrown.message }, thrown.status, OPEN_CORS);
  const error = toBerthError(thrown);
  return context.json({ error: error.message }, 500, OPEN_CORS);
}
