/** `/api/v1/templates` and `/api/v1/catalogue`: what can be run by its name. */
import type { Hono, HonoRequest } from 'hono';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { exportTemplates } from '../templates/portable.ts';
import { toRegistryList } from '../templates/registry-entry.ts';
import type { TemplateFilter } from '../templates/template-filter.ts';
import { queryNumber, queryPage, queryWord } from './query.ts';
import type { ApiVariables } from './request-checks.ts';
import { describe, summarise } from './template-views.ts';

export const TEMPLATES = '/api/v1/templates';
export const CATALOGUE = '/api/v1/catalogue';

const POPULAR = 10;

export function addTemplateRoutes(api: Hono<ApiVariables>, templates: TemplateCatalogue): void {
  api.get(TEMPLATES, (context) => {
    const { req } = context;
    const filter = readFilter(req);
    const query = req.query('q');
    const page = queryPage(req);
    const found =
      query === undefined
        ? templates.list(filter)
        : templates.search(query, filter).map(({ template }) => template);
    const name = filter.package;
    const rename = name === undefined ? undefined : templates.renameText(name);
    return context.json({
      templates: page.of(found).map(summarise),
      total: found.length,
      categories: templates.categories(),
      ...(rename !== undefined && { renamed: rename }),
    });
  });

  api.get(`${TEMPLATES}/:slug`, (context) =>
    context.json(describe(templates.get(context.req.param('slug')))),
  );

  api.get(`${CATALOGUE}/categories`, (context) => context.json({ categories: templates.categories() }));
  api.get(`${CATALOGUE}/statistics`, (context) => context.json(templates.statistics()));
  api.get(`${CATALOGUE}/renames`, (context) => context.json({ renames: templates.renames }));

  api.get(`${CATALOGUE}/popular`, (context) => {
    const limit = queryNumber(context.req, 'limit', { fallback: POPULAR, max: 1_000 });
    return context.json({ templates: templates.popular(limit).map(summarise) });
  });

  api.get(`${CATALOGUE}/export`, (context) => {
    const format = queryWord(context.req, 'format', ['berth', 'registry']) ?? 'berth';
    const slugs = context.req.queries('slug');
    const chosen = slugs ? slugs.map((slug) => templates.get(slug)) : templates.list(readFilter(context.req));
    return context.json(format === 'berth' ? exportTemplates(chosen) : toRegistryList(chosen));
  });
}

/** Throws `bad-input`. */
function readFilter(request: HonoRequest): TemplateFilter {
  const tags = request.queries('tag')?.flatMap((text) => text.split(',').map((tag) => tag.trim()));
  const verified = queryWord(request, 'verified', ['true', 'false']);
  const texts = Object.fromEntries(
    (['category', 'type', 'capability', 'package'] as const).flatMap((name) => {
      const value = request.query(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const words = Object.entries({
    tier: queryWord(request, 'tier', ['reference', 'official', 'community']),
    status: queryWord(request, 'status', ['active', 'deprecated', 'unavailable']),
    origin: queryWord(request, 'origin', ['built-in', 'custom']),
  }).filter(([, value]) => value !== undefined);
  return {
    ...texts,
    ...Object.fromEntries(words),
    ...(tags && { tags }),
    ...(verified !== undefined && { verified: verified === 'true' }),
  };
}
