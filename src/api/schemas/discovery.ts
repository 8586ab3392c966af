/** Search and packages as the API shows them. */
import { z } from '@hono/zod-openapi';
import { counts, ecosystem, problemSchema, wholeNumber } from './common.ts';

const verdict = z.object({ verdict: z.enum(['yes', 'likely', 'unknown']), reasons: z.array(z.string()) });
const capabilities = z.record(z.string(), z.union([z.boolean(), z.literal('unknown')]));
const known = z.enum(['yes', 'no', 'unknown']);
const ranges = z.record(z.string(), z.string());

const resultSchema = z
  .object({
    kind: z.enum(['template', 'package', 'remote']),
    reference: z.string().openapi({ description: 'What `berth run` takes.' }),
    title: z.string(),
    description: z.string(),
    package: z.object({ ecosystem, name: z.string(), version: z.string().optional() }).optional(),
    template: z.string().optional(),
    replacedBy: z.string().optional(),
    registryName: z.string().optional(),
    remote: z.object({ url: z.string(), type: z.string() }).optional(),
    mcp: verdict,
    keywords: z.array(z.string()).optional(),
    maintainers: z.array(z.string()).optional(),
    category: z.string().optional(),
    downloads: z.number().optional(),
    updated: z.string().optional(),
    deprecated: z.string().optional(),
    relevance: z.number().optional(),
    providers: z.array(z.string()),
  })
  .openapi('SearchResult');

const providerReport = z.object({
  name: z.string(),
  state: z.enum(['ok', 'stale', 'failed', 'unsupported', 'preparing', 'off']),
  count: wholeNumber,
  tookMs: wholeNumber,
  ageSeconds: wholeNumber.optional(),
  capabilities,
  message: z.string().optional(),
  failure: z
    .object({
      code: z.string(),
      message: z.string(),
      hint: z.string(),
      reason: z.unknown().optional(),
      retryAfterSeconds: z.unknown().optional(),
    })
    .optional(),
});

export const searchSchema = z.object({
  results: z.array(resultSchema),
  total: wholeNumber,
  query: z.string(),
  providers: z.array(providerReport),
  tookMs: wholeNumber,
});

export const providersSchema = z.object({
  providers: z.array(z.object({ name: z.string(), capabilities })),
  ecosystems: z.record(z.string(), ecosystem),
});

export const registriesSchema = z.object({
  registries: z.array(
    z.object({
      name: z.string(),
      url: z.string(),
      servers: wholeNumber.optional(),
      ageSeconds: wholeNumber.optional(),
      unfinishedPages: wholeNumber.optional(),
    }),
  ),
  total: wholeNumber,
});

const syncResult = {
  kind: z.enum(['full', 'changes']),
  resumed: z.boolean(),
  pages: wholeNumber,
  changed: wholeNumber,
  removed: wholeNumber,
  total: wholeNumber,
};

export const syncResultSchema = z.object(syncResult);

export const syncLineSchema = z
  .union([
    z.object({ type: z.literal('page'), pages: wholeNumber, servers: wholeNumber }),
    z.object({ type: z.literal('waiting'), seconds: z.number(), why: z.string() }),
    z.object({ type: z.literal('done'), ...syncResult }),
    z.object({ type: z.literal('failed'), problem: problemSchema }),
  ])
  .openapi('SyncLine');

const popular = z.array(z.object({ name: z.string(), downloads: z.number() }));

export const searchStatisticsSchema = z.object({
  searches: wholeNumber,
  providers: z.array(
    z.object({
      name: z.string(),
      searches: wholeNumber,
      failures: wholeNumber,
      found: wholeNumber,
      totalMs: wholeNumber,
      meanMs: wholeNumber,
    }),
  ),
  popular: z.object({ npm: popular, pypi: popular }),
  categories: counts,
});

const versionSchema = z.object({
  version: z.string(),
  published: z.string().optional(),
  deprecated: z.string().optional(),
  yanked: z.string().optional(),
  prerelease: z.boolean(),
  engines: ranges,
});

export const packageSchema = z
  .object({
    ecosystem,
    name: z.string(),
    version: z.string(),
    tags: ranges,
    description: z.string(),
    keywords: z.array(z.string()),
    license: z.string().optional(),
    author: z.string().optional(),
    maintainers: z.array(z.string()),
    homepage: z.string().optional(),
    repository: z.string().optional(),
    versions: z.array(versionSchema),
    dependencies: ranges.optional(),
    engines: ranges,
    programs: z.array(z.string()).optional(),
    installScripts: z.boolean().optional(),
    deprecated: z.object({ state: known, message: z.string().optional() }),
    yanked: z.object({ state: known, reason: z.string().optional() }),
    provenance: z.enum(['yes', 'unknown']),
    downloads: z.object({
      lastMonth: z.union([z.number(), z.literal('unknown')]),
      days: z.array(z.object({ day: z.string(), downloads: z.number() })).optional(),
    }),
    mcp: verdict,
    owner: z.object({
      state: z.enum(['verified', 'claimed', 'mismatch', 'unknown']),
      mcpName: z.string().optional(),
      listedAs: z.string().optional(),
      listedBy: z.string().optional(),
    }),
    template: z.string().optional(),
    replacedBy: z.string().optional(),
    similarNames: z.array(z.object({ name: z.string(), ecosystem, template: z.string(), why: z.string() })),
    install: z.string(),
    run: z.string(),
    unpackedBytes: z.number().optional(),
    integrity: z.string().optional(),
    published: z.string().optional(),
    registry: z.object({ name: z.string(), capabilities }),
    ageSeconds: wholeNumber,
    stale: z.string().optional(),
  })
  .openapi('Package');

export const versionsSchema = z.object({
  versions: z.array(versionSchema),
  tags: ranges,
  total: wholeNumber,
});

export const dependenciesSchema = z.object({ version: z.string(), dependencies: ranges.nullable() });
