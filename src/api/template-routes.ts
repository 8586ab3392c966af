/** `/api/v1/templates` and `/api/v1/catalogue`: what can be run by its name. */
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { exportTemplates } from '../templates/portable.ts';
import { toRegistryList } from '../templates/registry-entry.ts';
import type { TemplateFilter } from '../templates/template-filter.ts';
import { ETAG, IF_NONE_MATCH } from './entity-tags.ts';
import { TEMPLATE_PARAMS as params } from './path-parameters.ts';
import { count, PAGE, pageOf, text, texts, word } from './query.ts';
import { type Api, addRoute, type Call } from './route.ts';
import {
  categoriesSchema,
  exportSchema,
  popularSchema,
  renamesSchema,
  statisticsSchema,
  templateListSchema,
  templateSchema,
} from './schemas/template.ts';
import { answerTemplate } from './template-answer.ts';
import { summarise } from './template-views.ts';

export const TEMPLATES = '/api/v1/templates';
export const CATALOGUE = '/api/v1/catalogue';

const POPULAR = 10;
const tag = 'templates';

const FILTER = {
  category: text('Only those of this category.'),
  type: text('Only `npm`, `pypi`, `remote`, `oci` or another registry.'),
  tag: texts('Only those with any of these tags.'),
  tier: word('Only those of this tier.', ['reference', 'official', 'community']),
  status: word('Only those of this status.', ['active', 'deprecated', 'unavailable']),
  capability: text('Only those with a tool of this name, or with this word in its name.'),
  package: text('Only those that run this package.'),
  verified: word('Only those that have been seen to work, or only the others.', ['true', 'false']),
  origin: word('Only those that come with Berth, or only your own.', ['built-in', 'custom']),
};

export function addTemplateRoutes(api: Api, templates: TemplateCatalogue): void {
  addTemplates(api, templates);
  addNumbers(api, templates);
  addLists(api, templates);
}

function addTemplates(api: Api, templates: TemplateCatalogue): void {
  addRoute(
    api,
    {
      id: 'listTemplates',
      method: 'get',
      path: TEMPLATES,
      tag,
      summary: 'The catalogue; with `q` what fits, best first',
      query: { q: text('What is wanted.'), ...FILTER, ...PAGE },
      answers: {
        200: { description: 'A page, with the total and the categories.', schema: templateListSchema },
      },
    },
    ({ context, query }) => {
      const filter = toFilter(query);
      const found =
        query.q === undefined
          ? templates.list(filter)
          : templates.search(query.q, filter).map(({ template }) => template);
      const name = filter.package;
      const rename = name === undefined ? undefined : templates.renameText(name);
      return context.json({
        templates: pageOf(found, query).map(summarise),
        total: found.length,
        categories: templates.categories(),
        ...(rename !== undefined && { renamed: rename }),
      });
    },
  );

  addRoute(
    api,
    {
      id: 'getTemplate',
      method: 'get',
      path: `${TEMPLATES}/{slug}`,
      params,
      tag,
      summary: 'One template with its document, its page, its tools and its check',
      headers: IF_NONE_MATCH,
      answers: {
        200: { description: 'The template.', schema: templateSchema, headers: ETAG },
        304: { description: 'Nothing has changed.', headers: ETAG },
      },
    },
    ({ context, param }) => answerTemplate(context, templates.get(param('slug'))),
  );
}

function addNumbers(api: Api, templates: TemplateCatalogue): void {
  addRoute(
    api,
    {
      id: 'listCategories',
      method: 'get',
      path: `${CATALOGUE}/categories`,
      tag,
      summary: 'Categories with their numbers of templates',
      answers: { 200: { description: 'All of them.', schema: categoriesSchema } },
    },
    ({ context }) => context.json({ categories: templates.categories() }),
  );

  addRoute(
    api,
    {
      id: 'readStatistics',
      method: 'get',
      path: `${CATALOGUE}/statistics`,
      tag,
      summary: 'Numbers by type, transport, tier, status and category',
      answers: { 200: { description: 'The numbers.', schema: statisticsSchema } },
    },
    ({ context }) => context.json(templates.statistics()),
  );
}

function addLists(api: Api, templates: TemplateCatalogue): void {
  addRoute(
    api,
    {
      id: 'listRenames',
      method: 'get',
      path: `${CATALOGUE}/renames`,
      tag,
      summary: 'Packages that lists still carry, and what to use instead',
      answers: { 200: { description: 'All of them.', schema: renamesSchema } },
    },
    ({ context }) => context.json({ renames: templates.renames }),
  );

  addRoute(
    api,
    {
      id: 'listPopular',
      method: 'get',
      path: `${CATALOGUE}/popular`,
      tag,
      summary: 'Templates, most asked for first',
      query: { limit: count('How many.', { fallback: POPULAR, max: 1_000 }) },
      answers: { 200: { description: 'So many of them.', schema: popularSchema } },
    },
    ({ context, query: { limit } }) => context.json({ templates: templates.popular(limit).map(summarise) }),
  );

  addRoute(
    api,
    {
      id: 'exportTemplates',
      method: 'get',
      path: `${CATALOGUE}/export`,
      tag,
      summary: 'A file of templates',
      query: {
        format: word('A file of Berth, or a list as an MCP registry has it.', ['berth', 'registry']),
        slug: texts('Just these.'),
        ...FILTER,
      },
      answers: { 200: { description: 'The file.', schema: exportSchema } },
      problems: ['not-found'],
    },
    ({ context, query }) => {
      const chosen = query.slug?.map((slug) => templates.get(slug)) ?? templates.list(toFilter(query));
      return context.json(query.format === 'registry' ? toRegistryList(chosen) : exportTemplates(chosen));
    },
  );
}

function toFilter({
  tag: tags,
  verified,
  ...query
}: Call<typeof FILTER, undefined>['query']): TemplateFilter {
  const { category, type, tier, status, capability, package: name, origin } = query;
  const given = { category, type, tier, status, capability, package: name, origin };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...(tags && { tags: tags.flatMap((some) => some.split(',').map((one) => one.trim())) }),
    ...(verified !== undefined && { verified: verified === 'true' }),
  };
}
