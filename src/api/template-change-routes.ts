/** Templates of one's own over the API: added, replaced, merged, taken back, imported, and what was changed when. */
import { BerthError, errorData, toBerthError } from '../errors.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import type { CustomTemplates, TemplateRevision } from '../templates/custom-templates.ts';
import { mergeTemplates } from '../templates/merge-template.ts';
import { readTemplate, readTemplates } from '../templates/portable.ts';
import type { Template } from '../templates/template.ts';
import { checkMatch, ETAG, IF_MATCH } from './entity-tags.ts';
import { TEMPLATE_PARAMS as params } from './path-parameters.ts';
import { flag } from './query.ts';
import { type Api, addRoute, type Body, bodyOf } from './route.ts';
import {
  historySchema,
  importSchema,
  mergeSchema,
  templateDocumentSchema,
  templateFileSchema,
  templateSchema,
  validationSchema,
} from './schemas/template.ts';
import { answerTemplate, versionOfTemplate } from './template-answer.ts';
import { CATALOGUE, TEMPLATES } from './template-routes.ts';

export interface TemplateChangesInput {
  readonly templates: TemplateCatalogue;
  readonly custom: CustomTemplates;
}

const TEMPLATE = `${TEMPLATES}/{slug}`;
const tag = 'templates';
const REFUSALS = ['conflict', 'limit-reached', 'not-allowed', 'too-large'] as const;
const DOCUMENT: Body<Template> = { schema: templateDocumentSchema, read: readTemplate };
/** What is wrong with it is the answer, not a failure. */
const ANY_DOCUMENT: Body<unknown> = { schema: templateDocumentSchema, read: (value) => value };
const CREATED = {
  description: 'It was added.',
  schema: templateSchema,
  headers: { ...ETAG, Location: 'Where the template is.' },
};

export function addTemplateChangeRoutes(api: Api, input: TemplateChangesInput): void {
  addChanges(api, input);
  addMerge(api, input);
  addHistory(api, input);
  addValidation(api, input);
  addImport(api, input);
}

function addChanges(api: Api, { templates, custom }: TemplateChangesInput): void {
  addRoute(
    api,
    {
      id: 'createTemplate',
      method: 'post',
      path: TEMPLATES,
      tag,
      summary: 'Add a template of your own',
      body: DOCUMENT,
      answers: { 201: CREATED },
      problems: REFUSALS,
    },
    ({ context, body }) => {
      const template = custom.register(body);
      return answerTemplate(context, template, created(template.slug));
    },
  );

  addRoute(
    api,
    {
      id: 'replaceTemplate',
      method: 'put',
      path: TEMPLATE,
      params,
      tag,
      summary: 'Take the place of a template of your own',
      body: DOCUMENT,
      headers: IF_MATCH,
      answers: { 200: { ...CREATED, description: 'The template as it is now.', headers: ETAG } },
      problems: [...REFUSALS, 'precondition-failed'],
    },
    ({ context, param, body }) => {
      const slug = param('slug');
      if (body.slug !== slug)
        throw new BerthError('bad-input', `the document is of ${body.slug}, not of ${slug}`, {
          fields: [{ pointer: '/slug', detail: 'must be the one of the path' }],
        });
      checkMatch(context, versionOfTemplate(templates.get(slug)));
      return answerTemplate(context, custom.replace(body));
    },
  );

  addRoute(
    api,
    {
      id: 'deleteTemplate',
      method: 'delete',
      path: TEMPLATE,
      params,
      tag,
      summary: 'Remove a template of your own; servers that were made of it go on',
      headers: IF_MATCH,
      answers: { 204: { description: 'It is gone.' } },
      problems: [...REFUSALS, 'precondition-failed'],
    },
    ({ context, param }) => {
      const slug = param('slug');
      checkMatch(context, versionOfTemplate(templates.get(slug)));
      custom.unregister(slug);
      return context.body(null, 204);
    },
  );
}

function addMerge(api: Api, { templates, custom }: TemplateChangesInput): void {
  addRoute(
    api,
    {
      id: 'mergeTemplate',
      method: 'post',
      path: `${TEMPLATE}/merge`,
      params,
      tag,
      summary: 'Make a template of your own from another one, with members of a `server.json` laid over it',
      query: { dryRun: flag('Only show it.') },
      body: bodyOf(mergeSchema),
      answers: {
        200: { ...CREATED, description: 'What it would be.', headers: ETAG },
        201: CREATED,
      },
      problems: REFUSALS,
    },
    ({ context, param, query: { dryRun }, body: { slug, server } }) => {
      const merged = mergeTemplates(templates.get(param('slug')), server, slug);
      if (dryRun) {
        custom.check(merged);
        return answerTemplate(context, merged);
      }
      return answerTemplate(context, custom.register(merged), created(slug));
    },
  );
}

function addHistory(api: Api, { custom }: TemplateChangesInput): void {
  addRoute(
    api,
    {
      id: 'readHistory',
      method: 'get',
      path: `${TEMPLATE}/history`,
      params,
      tag,
      summary: 'What was changed of a template of your own, newest first',
      answers: { 200: { description: 'All changes.', schema: historySchema } },
      problems: REFUSALS,
    },
    ({ context, param }) => context.json({ history: custom.history(param('slug')).map(viewRevision) }),
  );
}

function addValidation(api: Api, { templates, custom }: TemplateChangesInput): void {
  addRoute(
    api,
    {
      id: 'validateTemplate',
      method: 'post',
      path: `${CATALOGUE}/validate`,
      tag,
      summary: 'Whether a template would be taken, and which members are wrong',
      body: ANY_DOCUMENT,
      answers: { 200: { description: 'What would come of it.', schema: validationSchema } },
    },
    ({ context, body }) => {
      try {
        const template = readTemplate(body);
        custom.check(template);
        const taken = templates.find(template.slug) !== undefined;
        return context.json({ valid: true, slug: template.slug, taken });
      } catch (thrown) {
        return context.json({ valid: false, ...viewFault(thrown) });
      }
    },
  );
}

function addImport(api: Api, { templates, custom }: TemplateChangesInput): void {
  addRoute(
    api,
    {
      id: 'importTemplates',
      method: 'post',
      path: `${CATALOGUE}/import`,
      tag,
      summary: 'Add the templates of a file',
      query: { replace: flag('Also take the place of your own.') },
      body: { schema: templateFileSchema, read: readTemplates },
      answers: { 200: { description: 'What was added, and what was not.', schema: importSchema } },
    },
    ({ context, query: { replace }, body }) => {
      const imported: string[] = [];
      const skipped: Record<string, unknown>[] = body.skipped.map(({ index, name, error }) => ({
        index,
        name,
        ...viewFault(error),
      }));
      for (const template of body.templates) {
        try {
          importOne(template, { custom, templates, replace });
          imported.push(template.slug);
        } catch (thrown) {
          skipped.push({ name: template.slug, ...viewFault(thrown) });
        }
      }
      return context.json({ imported, skipped });
    },
  );
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

function created(slug: string) {
  return { status: 201, headers: { Location: `${TEMPLATES}/${slug}` } } as const;
}
