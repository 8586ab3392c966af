/** The built-in catalogue as a provider: always there, never old. */
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import type { Template } from '../templates/template.ts';
import type { Found, Provider } from './found.ts';
import { mcpVerdict } from './mcp-verdict.ts';
import { optional } from './npm-document.ts';

const DEADLINE_MS = 5_000;
/** Scores of the catalogue's search: above the first a template is surely meant; below the second it shares a word in passing. */
const SURE = 20;
const FAINT = 5;

export function createTemplateProvider(templates: TemplateCatalogue): Provider {
  return {
    name: 'templates',
    deadline: DEADLINE_MS,
    capabilities: () => ({ search: true }),
    async ask(query) {
      if (query.qualifiers.size > 0)
        return {
          found: [],
          state: 'unsupported',
          message: 'templates have no maintainers, keywords or classifiers',
        };
      if (query.words.length === 0) return { found: templates.list().map(templateFound), ageMs: 0 };
      const hits = templates.search(query.exact?.name ?? query.text).filter(({ score }) => score >= FAINT);
      const best = Math.max(hits[0]?.score ?? 0, SURE);
      const found = hits.map(({ template, score }) => ({
        ...templateFound(template),
        relevance: score / best,
      }));
      const exact = query.exact && templates.findByPackage(query.exact.name);
      const isMissing = exact !== undefined && !found.some((one) => one.template === exact.slug);
      return { found: isMissing ? [...found, templateFound(exact)] : found, ageMs: 0 };
    },
  };
}

/** A template as something that was found. */
export function templateFound({ slug, document, extras }: Template): Found {
  const definition = document.packages?.find(
    ({ registryType }) => registryType === 'npm' || registryType === 'pypi',
  );
  const remote = definition === undefined ? document.remotes?.[0] : undefined;
  const ecosystem = definition?.registryType === 'pypi' ? 'pypi' : 'npm';
  const name = definition?.identifier ?? slug;
  return {
    kind: 'template',
    reference: slug,
    title: document.title ?? slug,
    description: document.description,
    template: slug,
    mcp: mcpVerdict({ ecosystem, name, listedBy: 'the catalogue' }),
    keywords: [...extras.tags, ...extras.tools.map((tool) => tool.name)],
    category: extras.category,
    registryName: document.name,
    ...(definition !== undefined && {
      package: { ecosystem, name, ...optional('version', definition.version) },
    }),
    ...(remote?.url !== undefined && { remote: { url: remote.url, type: remote.type } }),
    ...(extras.status === 'deprecated' && { deprecated: extras.statusMessage ?? 'deprecated' }),
  };
}
