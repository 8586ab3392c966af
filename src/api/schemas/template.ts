/** Templates and the catalogue as the API shows them. */
import { z } from '@hono/zod-openapi';
import { catalogueFileSchema } from '../../templates/renames.ts';
import { templateCheckSchema } from '../../templates/template-check.ts';
import { SLUG } from '../../templates/template-extras.ts';
import { counts, errorCode, json, time, wholeNumber } from './common.ts';
import { registryListSchema } from './registry.ts';

const input = {
  name: z.string().optional(),
  description: z.string().optional(),
  required: z.boolean(),
  default: z.string().optional(),
  choices: z.array(z.string()).optional(),
};

const summary = {
  slug: z.string(),
  name: z.string(),
  title: z.string(),
  description: z.string(),
  version: z.string(),
  type: z.string().openapi({ description: '`npm`, `pypi`, `remote`, `oci` or another registry.' }),
  category: z.string(),
  tags: z.array(z.string()),
  tier: z.enum(['reference', 'official', 'community']),
  status: z.enum(['active', 'deprecated', 'unavailable']),
  statusMessage: z.string().optional(),
  warning: z.string().optional(),
  replacedBy: z.array(z.string()).optional(),
  verified: z.boolean(),
  checkedAt: z.iso.date().optional(),
  platform: z.string().optional(),
  reason: z.string().optional().openapi({ description: 'Why it is not verified.' }),
  origin: z.enum(['built-in', 'custom']),
  revision: wholeNumber.optional(),
  updatedAt: time.optional(),
  package: z.object({ type: z.string(), name: z.string(), version: z.string().nullable() }).optional(),
  remote: z.object({ url: z.string(), transport: z.string() }).optional(),
  isolation: z.enum(['session', 'principal', 'shared', 'call']),
  variables: z.array(z.object({ ...input, secret: z.boolean() })),
  arguments: z.array(z.object({ ...input, type: z.enum(['named', 'positional']), repeated: z.boolean() })),
};

const summarySchema = z.object({ ...summary, tools: z.array(z.string()) }).openapi('TemplateSummary');

const checkShape = templateCheckSchema.shape;

export const templateSchema = z
  .object({
    ...summary,
    tools: checkShape.tools,
    install: z.string().optional(),
    check: z.object({ ...checkShape, tools: wholeNumber }).optional(),
    readme: z.string(),
    server: json.openapi({ description: 'Its `server.json`.' }),
  })
  .openapi('Template');

const categories = z.array(z.object({ name: z.string(), count: wholeNumber }));

export const templateListSchema = z.object({
  templates: z.array(summarySchema),
  total: wholeNumber,
  categories,
  renamed: z.string().optional().openapi({ description: 'What became of the package that was asked for.' }),
});

export const categoriesSchema = z.object({ categories });
export const popularSchema = z.object({ templates: z.array(summarySchema) });
export const renamesSchema = z.object({ renames: catalogueFileSchema.shape.renames });

export const statisticsSchema = z.object({
  templates: wholeNumber,
  custom: wholeNumber,
  verified: wholeNumber,
  tools: wholeNumber,
  types: counts,
  transports: counts,
  tiers: counts,
  statuses: counts,
  categories: counts,
});

export const exportSchema = z.union([
  z.object({
    version: z.literal('1.0'),
    templates: z.array(z.object({ slug: z.string(), server: json, readme: z.string().optional() })),
  }),
  registryListSchema,
]);

/** What is wrong with a template. */
const fault = {
  detail: z.string(),
  code: errorCode,
  hint: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
};

export const validationSchema = z.union([
  z.object({ valid: z.literal(true), slug: z.string(), taken: z.boolean() }),
  z.object({ valid: z.literal(false), ...fault }),
]);

export const importSchema = z.object({
  imported: z.array(z.string()),
  skipped: z.array(z.object({ index: wholeNumber.optional(), name: z.string(), ...fault })),
});

export const historySchema = z.object({
  history: z.array(
    z.object({
      revision: wholeNumber,
      at: time,
      change: z.enum(['registered', 'replaced', 'removed']),
      server: json.optional(),
      readme: z.string().optional(),
    }),
  ),
});

export const templateDocumentSchema = json.openapi('TemplateDocument', {
  description:
    'A `server.json`, one with its page (`{"server", "readme", "slug"}`), the short form, or that of an earlier system.',
});

export const templateFileSchema = z.union([json, z.array(z.unknown())]).openapi('TemplateFile', {
  description: 'An export, an answer of an MCP registry, a list, or one template.',
});

export const mergeSchema = z
  .strictObject({
    slug: z.string().regex(SLUG, 'must be lower-case letters, digits and dashes'),
    server: json.default({}),
  })
  .openapi('Merge');
