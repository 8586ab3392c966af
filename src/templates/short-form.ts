/** The least that a person has to say for a template of their own: where the package is, and what it needs. */
import { z } from 'zod';
import { NO_CATEGORY } from './derive-extras.ts';
import { SERVER_JSON_SCHEMA } from './server-json.ts';
import { EXTRAS_KEY, PUBLISHER_KEY, SLUG } from './template-extras.ts';

const text = z.string().min(1).max(500);

const variable = z.union([text.transform((name) => ({ name })), z.looseObject({ name: text })]);

const packageOf = z.strictObject({ name: text, version: text.optional() });

const shortFormSchema = z.strictObject({
  slug: z.string().regex(SLUG, 'must be lower-case letters, digits and dashes'),
  source: z
    .strictObject({
      npm: packageOf.optional(),
      pypi: packageOf.optional(),
      remote: z
        .strictObject({ url: text, transport: z.enum(['streamable-http', 'sse']).default('streamable-http') })
        .optional(),
    })
    .refine(
      (source) => Object.values(source).filter((one) => one !== undefined).length === 1,
      'needs exactly one of npm, pypi and remote',
    ),
  title: z.string().min(1).max(100).optional(),
  description: z.string().min(1).max(100).optional(),
  category: text.default(NO_CATEGORY),
  tags: z.array(text).max(50).default([]),
  /** Arguments that it always gets. */
  args: z.array(z.string().max(8_192)).default([]),
  /** Variables that it takes: a name, or a variable of `server.json`. */
  env: z.array(variable).default([]),
  readme: z.string().optional(),
});

export function isShortForm(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'slug' in value && 'source' in value;
}

/** The document that means the same. Throws a zod error. */
export function fromShortForm(value: unknown): unknown {
  const { slug, source, title, description, category, tags, args, env } = shortFormSchema.parse(value);
  const found = source.npm ?? source.pypi;
  const version = found?.version ?? '0.0.0';
  return {
    $schema: SERVER_JSON_SCHEMA,
    name: `dev.berth.custom/${slug}`,
    title: title ?? slug,
    description: description ?? `${found?.name ?? source.remote?.url ?? slug}`.slice(0, 100),
    version,
    ...(found && {
      packages: [
        {
          registryType: source.npm ? 'npm' : 'pypi',
          identifier: found.name,
          ...(found.version !== undefined && { version: found.version }),
          ...(args.length > 0 && {
            packageArguments: args.map((arg) => ({ type: 'positional', value: arg })),
          }),
          ...(env.length > 0 && { environmentVariables: env }),
          transport: { type: 'stdio' },
        },
      ],
    }),
    ...(source.remote && { remotes: [{ type: source.remote.transport, url: source.remote.url }] }),
    _meta: {
      [PUBLISHER_KEY]: {
        [EXTRAS_KEY]: { v: 1, slug, category, tags, tier: 'community', status: 'active' },
      },
    },
  };
}
