/** `/api/v1/templates`: the catalogue, read-only. */
import type { Hono } from 'hono';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import type { ServerJsonArgument, ServerJsonVariable } from '../templates/server-json.ts';
import type { Template } from '../templates/template.ts';
import type { ApiVariables } from './request-checks.ts';

export function addTemplateRoutes(api: Hono<ApiVariables>, templates: TemplateCatalogue): void {
  api.get('/api/v1/templates', (context) => {
    const all = templates.list().map(summarise);
    return context.json({ templates: all, total: all.length });
  });

  api.get('/api/v1/templates/:slug', (context) => {
    const template = templates.get(context.req.param('slug'));
    return context.json({ ...summarise(template), readme: template.readme, server: template.document });
  });
}

function summarise({ slug, document, extras }: Template) {
  const definition = document.packages?.[0];
  return {
    slug,
    title: document.title ?? slug,
    description: document.description,
    category: extras.category,
    tags: extras.tags,
    tier: extras.tier,
    status: extras.status,
    ...(extras.statusMessage !== undefined && { statusMessage: extras.statusMessage }),
    ...(definition && {
      package: {
        type: definition.registryType,
        name: definition.identifier,
        version: definition.version ?? null,
      },
    }),
    isolation: extras.behavior.isolation,
    variables: (definition?.environmentVariables ?? [])
      .filter((variable) => variable.value === undefined)
      .map(viewVariable),
    arguments: (definition?.packageArguments ?? [])
      .filter((argument) => argument.value === undefined)
      .map(viewArgument),
    tools: extras.tools,
  };
}

function viewVariable({
  name,
  description,
  isRequired,
  isSecret,
  default: fallback,
  choices,
}: ServerJsonVariable) {
  return {
    name,
    description,
    required: isRequired ?? false,
    secret: isSecret ?? false,
    default: fallback,
    choices,
  };
}

function viewArgument(argument: ServerJsonArgument) {
  const { type, description, isRequired, isRepeated, default: fallback, choices } = argument;
  const name = argument.type === 'named' ? argument.name : argument.valueHint;
  return {
    name,
    type,
    description,
    required: isRequired ?? false,
    repeated: isRepeated ?? false,
    default: fallback,
    choices,
  };
}
