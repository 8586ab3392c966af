/** `/api/v1/search` and `/api/v1/packages`: thin over discovery. */
import type { Discovery } from '../discovery/discovery.ts';
import type { PackageInfo } from '../discovery/package-info.ts';
import { BerthError } from '../errors.ts';
import { count, flag, PAGE, pageOf, text } from './query.ts';
import { type Api, addRoute, type Call } from './route.ts';
import {
  dependenciesSchema,
  packageSchema,
  providersSchema,
  searchSchema,
  searchStatisticsSchema,
  versionsSchema,
} from './schemas/discovery.ts';

const PACKAGE = '/api/v1/packages/{ecosystem}/{name}';
const MAX_PAGE = 250;
const tag = 'packages';
const problems = ['registry-failed', 'bad-setting'] as const;
/** Ecosystems, also by the names of the programs that install from them. */
const ECOSYSTEMS = { npm: 'npm', npx: 'npm', pypi: 'pypi', pip: 'pypi', uv: 'pypi', uvx: 'pypi' } as const;

const refresh = flag('Ask again although an answer is kept.');

export function addDiscoveryRoutes(api: Api, discovery: Discovery): void {
  addSearch(api, discovery);
  addPackages(api, discovery);
}

function addSearch(api: Api, discovery: Discovery): void {
  addRoute(
    api,
    {
      id: 'search',
      method: 'get',
      path: '/api/v1/search',
      tag,
      problems,
      summary: 'Find servers everywhere at once',
      query: {
        q: text('What is wanted; nothing to browse.'),
        provider: text('Only these places, with commas between them.'),
        all: flag('Also packages that nothing shows to be MCP servers.'),
        refresh,
        limit: count('Entries of one page.', { fallback: 20, max: MAX_PAGE }),
        offset: count('Entries to leave out at the beginning.', { fallback: 0, max: 10_000 }),
      },
      answers: { 200: { description: 'What was found, and how each place did.', schema: searchSchema } },
    },
    async ({ context, query: { q = '', provider, limit, offset, ...options } }) => {
      const { results, ...answer } = await discovery.search({
        ...options,
        text: q,
        providers: provider?.split(',').filter((name) => name !== ''),
        limit: Math.min(MAX_PAGE, limit + offset),
        signal: context.req.raw.signal,
      });
      return context.json({
        results: results.slice(offset, offset + limit),
        total: results.length,
        ...answer,
      });
    },
  );

  addRoute(
    api,
    {
      id: 'listProviders',
      method: 'get',
      path: '/api/v1/search/providers',
      tag,
      problems,
      summary: 'The places that are searched, and what they are known to be able to do',
      answers: { 200: { description: 'All of them.', schema: providersSchema } },
    },
    async ({ context }) => context.json({ providers: await discovery.providers(), ecosystems: ECOSYSTEMS }),
  );

  addRoute(
    api,
    {
      id: 'readSearchStatistics',
      method: 'get',
      path: '/api/v1/search/statistics',
      tag,
      summary: 'Searches, failures and times of each place, and what is popular of what was found',
      answers: { 200: { description: 'Since the gateway started.', schema: searchStatisticsSchema } },
    },
    ({ context }) => context.json(discovery.statistics()),
  );
}

const VERSION = { version: text('Exact, a range or a tag; the newest unless given.'), refresh };

function addPackages(api: Api, discovery: Discovery): void {
  const params = {
    ecosystem: { description: '`npm` or `pypi`; also `npx`, `uv`, `uvx` and `pip`.' },
    name: {
      description: 'Name of the package, its slash as it is or as `%2F`.',
      pattern: '(?:@[^/]+/)?[^/@]+',
    },
  };
  const read = async ({ context, query, param }: Call<typeof VERSION, undefined>): Promise<PackageInfo> =>
    await discovery.package({
      ...query,
      ecosystem: toEcosystem(param('ecosystem')),
      name: param('name'),
      signal: context.req.raw.signal,
    });
  addRoute(
    api,
    {
      id: 'readPackage',
      method: 'get',
      path: PACKAGE,
      params,
      tag,
      problems,
      summary: 'All that is known of a package',
      query: VERSION,
      answers: { 200: { description: 'The package.', schema: packageSchema } },
    },
    async (call) => call.context.json(await read(call)),
  );

  addRoute(
    api,
    {
      id: 'listVersions',
      method: 'get',
      path: `${PACKAGE}/versions`,
      params,
      tag,
      problems,
      summary: 'The versions of a package, newest first',
      query: { ...VERSION, ...PAGE },
      answers: { 200: { description: 'A page of them, with the total.', schema: versionsSchema } },
    },
    async (call) => {
      const { versions, tags } = await read(call);
      return call.context.json({ versions: pageOf(versions, call.query), tags, total: versions.length });
    },
  );

  addRoute(
    api,
    {
      id: 'listDependencies',
      method: 'get',
      path: `${PACKAGE}/dependencies`,
      params,
      tag,
      problems,
      summary: 'What a version of a package depends on',
      query: VERSION,
      answers: {
        200: { description: 'Name to range; null where it is not known.', schema: dependenciesSchema },
      },
    },
    async (call) => {
      const { version, dependencies } = await read(call);
      return call.context.json({ version, dependencies: dependencies ?? null });
    },
  );
}

function toEcosystem(given: string): 'npm' | 'pypi' {
  if (Object.hasOwn(ECOSYSTEMS, given)) return ECOSYSTEMS[given as keyof typeof ECOSYSTEMS];
  throw new BerthError('not-found', `${JSON.stringify(given)} is no kind of package`, {
    hint: 'There are npm and pypi.',
  });
}
