/** Templates of one's own over the API: added, replaced, merged, taken back, imported, and what was changed when. */
import type { Hono } from 'hono';
import { z } from 'zod';
import { BerthError, errorData, toBerthError } from '../errors.ts';
import { toInputError } from '../servers/server-spec.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import type { CustomTemplates, TemplateRevision } from '../templates/custom-templates.ts';
import { mergeTemplates } from '../templates/merge-template.ts';
import { readTemplate, readTemplates } from '../templates/portable.ts';
import type { Template } from '../templates/template.ts';
import { SLUG } from '../templates/template-extras.ts';
import { queryFlag } from './query.ts';
import type { ApiVariables } from './request-checks.ts';
import { readJson } from './request-checks.ts';
import { CATALOGUE, TEMPLATES } from './template-routes.ts';
import { describe } from './template-views.ts';

export interface TemplateChangesInput {
  readonly templates: TemplateCatalogue;
  readonly custom: CustomTemplates;
}

const mergeSchema = z.strictObject({
  slug: z.string().regex(SLUG, 'must be lower-case letters, digits and dashes'),
  server: z.record(z.string(), z.unknown()).default({}),
});

export function addTemplateChangeRoutes(api: Hono<ApiVariables>, input: TemplateChangesInput): void {
  addChanges(api, input);
  addFiles(api, input);
}

function addChanges(api: Hono<ApiVariables>, { templates, custom }: TemplateChangesInput): void {
  api.post(TEMPLATES, async (context) => {
    const template = custom.register(readTemplate(await readJson(context.req.raw)));
    return context.json(describe(template), 201, { Location: `${TEMPLATES}/${template.slug}` });
  });

  api.put(`${TEMPLATES}/:slug`, async (context) => {
    const template = readTemplate(await readJson(context.req.raw));
    const slug = context.req.param('slug');
    if (template.slug !== slug)
      throw new BerthError('bad-input', `the document is of ${template.slug}, not of ${slug}`, {
        fields: [{ pointer: '/slug', detail: 'must be the one of the path' }],
      });
    return context.json(describe(custom.replace(template)));
  });

  api.delete(`${TEMPLATES}/:slug`, (context) => {
    custom.unregister(context.req.param('slug'));
    return context.body(null, 204);
  });

  api.post(`${TEMPLATES}/:slug/merge`, async (context) => {
    const result = mergeSchema.safeParse(await readJson(context.req.raw));
    if (!result.success) throw toInputError(result.error);
    const { slug, server } = result.data;
    const merged = mergeTemplates(templates.get(context.req.param('slug')), server, slug);
    if (queryFlag(context.req, 'dryRun')) {
      custom.check(merged);
      return context.json(describe(merged));
    }
    return context.json(describe(custom.register(merged)), 201, { Location: `${TEMPLATES}/${slug}` });
  });

  api.get(`${TEMPLATES}/:slug/history`, (context) =>
    context.json({ history: custom.history(context.req.param('slug')).map(viewRevision) }),
  );
}

function addFiles(api: Hono<ApiVariables>, { templates, custom }: TemplateChangesInput): void {
  api.post(`${CATALOGUE}/validate`, async (context) => {
    const value = await readJson(context.req.raw);
    try {
      const template = readTemplate(value);
      custom.check(template);
      return context.json({
        valid: true,
        slug: template.slug,
        taken: templates.find(template.slug) !== undefined,
      });
    } catch (thrown) {
      return context.json({ valid: false, ...viewFault(thrown) });
    }
  });

  api.post(`${CATALOGUE}/import`, async (context) => {
    const replace = queryFlag(context.req, 'replace');
    const read = readTemplates(await readJson(context.req.raw));
    const imported: string[] = [];
    const skipped: Record<string, unknown>[] = read.skipped.map(({ index, name, error }) => ({
      index,
      name,
      ...viewFault(error),
    }));
    for (const template of read.templates) {
      try {
        importOne(template, { custom, templates, replace });
        imported.push(template.slug);
      } catch (thrown) {
        skipped.push({ name: template.slug, ...viewFault(thrown) });
      }
    }
    return context.json({ imported, skipped });
  });
}

function importOne(
  template: Template,
  { custom, templates, replace }: TemplateChangesInput & { readonly replace: boolean },
): void {
  if (replace && templates.find(template.slug)?.custom) custom.replace(template);
  else custom.register(template);
}

/** Throws on what is no fault of the template. */
function viewFault(thrown: unknown): Record<string, unknown> {
  const error = toBerthError(thrown);
  if (error.status >= 500) throw error;
  return { detail: error.message, ...errorData(error) };
}

function viewRevision({ revision, at, change, document, readme }: TemplateRevision) {
  return {
    revision,
    at: new Date(at).toISOString(),
    change,
    ...(document !== undefined && { server: document }),
    ...(readme && { readme }),
  };
}
