/** `/api/v1/search` and `/api/v1/packages`: thin over discovery. */
import type { Context, Hono } from 'hono';
import type { Discovery } from '../discovery/discovery.ts';
import type { PackageInfo } from '../discovery/package-info.ts';
import { BerthError } from '../errors.ts';
import { queryFlag, queryNumber, queryPage } from './query.ts';
import type { ApiVariables } from './request-checks.ts';

const PACKAGE = '/api/v1/packages/:ecosystem/:name{(?:@[^/]+/)?[^/@]+}';
const MAX_PAGE = 250;
/** Ecosystems, also by the names of the programs that install from them. */
const ECOSYSTEMS = { npm: 'npm', npx: 'npm', pypi: 'pypi', pip: 'pypi', uv: 'pypi', uvx: 'pypi' } as const;

export function addDiscoveryRoutes(api: Hono<ApiVariables>, discovery: Discovery): void {
  addSearch(api, discovery);
  addPackages(api, discovery);
}

function addSearch(api: Hono<ApiVariables>, discovery: Discovery): void {
  api.get('/api/v1/search', async (context) => {
    const { req } = context;
    const limit = queryNumber(req, 'limit', { fallback: 20, max: MAX_PAGE });
    const offset = queryNumber(req, 'offset', { fallback: 0, max: 10_000 });
    const providers = req
      .query('provider')
      ?.split(',')
      .filter((name) => name !== '');
    const { results, ...answer } = await discovery.search({
      text: req.query('q') ?? '',
      providers,
      limit: Math.min(MAX_PAGE, limit + offset),
      all: queryFlag(req, 'all'),
      refresh: queryFlag(req, 'refresh'),
      signal: req.raw.signal,
    });
    return context.json({ results: results.slice(offset, offset + limit), total: results.length, ...answer });
  });

  api.get('/api/v1/search/providers', async (context) =>
    context.json({ providers: await discovery.providers(), ecosystems: ECOSYSTEMS }),
  );

  api.get('/api/v1/search/statistics', (context) => context.json(discovery.statistics()));
}

function addPackages(api: Hono<ApiVariables>, discovery: Discovery): void {
  const read = async (context: Context<ApiVariables>): Promise<PackageInfo> => {
    const { req } = context;
    return await discovery.package({
      ecosystem: toEcosystem(req.param('ecosystem') ?? ''),
      name: req.param('name') ?? '',
      version: req.query('version'),
      refresh: queryFlag(req, 'refresh'),
      signal: req.raw.signal,
    });
  };
  api.get(PACKAGE, async (context) => context.json(await read(context)));

  api.get(`${PACKAGE}/versions`, async (context) => {
    const page = queryPage(context.req);
    const { versions, tags } = await read(context);
    return context.json({ versions: page.of(versions), tags, total: versions.length });
  });

  api.get(`${PACKAGE}/dependencies`, async (context) => {
    const { version, dependencies } = await read(context);
    return context.json({ version, dependencies: dependencies ?? null });
  });
}

function toEcosystem(text: string): 'npm' | 'pypi' {
  if (Object.hasOwn(ECOSYSTEMS, text)) return ECOSYSTEMS[text as keyof typeof ECOSYSTEMS];
  throw new BerthError('not-found', `${JSON.stringify(text)} is no kind of package`, {
    hint: 'There are npm and pypi.',
  });
}
