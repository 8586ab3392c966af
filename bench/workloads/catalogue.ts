/** Lists and searches of a large catalogue, over HTTP as the API answers them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import { addRegistryRoutes } from '../../src/api/registry-routes.ts';
import type { ApiVariables } from '../../src/api/request-checks.ts';
import { addTemplateRoutes } from '../../src/api/template-routes.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { readTemplate } from '../../src/templates/portable.ts';
import type { Template } from '../../src/templates/template.ts';
import { attempt, type Book } from '../book.ts';
import type { OpenResult } from '../job.ts';
import type { Plan } from '../plan.ts';

/** The name of this case. */
export const CATALOGUE = 'catalogue';
export const LIST_PAGE = 'list, a page of 100';
export const SEARCH = 'search, a page of 100';
export const REGISTRY_PAGE = 'MCP registry, a page of 100';

const TEMPLATES = 10_000;
const SAMPLES = 200;
const PAGE = 100;
const WORDS =
  `search web database postgres browser files read write pdf cloud kubernetes issue tracker message chat calendar mail image video audio map weather
  finance invoice payment customer contact note wiki document table chart metric log trace alert deploy build test review commit branch secret key token
  queue stream cache vector graph memory time zone convert translate summarise fetch crawl scrape design model train paper dataset`.split(
    /\s+/,
  );
const QUERIES = [
  'search the web',
  'read pdf',
  'postgres',
  'deploy to the cloud',
  'convert time zones',
  'databse',
  'customer invoice payment chat',
];

/** Always the same ones: a small linear congruence is random enough for words. */
function madeUpTemplates(): Template[] {
  let state = 42;
  const next = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const words = (count: number): string[] =>
    Array.from({ length: count }, () => WORDS[next(WORDS.length)] ?? '');
  return Array.from({ length: TEMPLATES }, (_, index) =>
    readTemplate({
      slug: `${words(2).join('-')}-${index}`,
      source: { npm: { name: `made-up-${index}`, version: '1.0.0' } },
      title: words(3).join(' '),
      description: words(9).join(' ').slice(0, 100),
      category: words(1)[0],
      tags: words(4),
      env: words(3).map((word) => ({ name: word.toUpperCase(), description: words(6).join(' ') })),
    }),
  );
}

async function serve(catalogue: TemplateCatalogue): Promise<{ url: string; close(): void }> {
  const app = new OpenAPIHono<ApiVariables>();
  addTemplateRoutes(app, catalogue);
  addRegistryRoutes(app, catalogue);
  const server = createServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

/** The first answers of a case, among them the one that makes the index, are no samples. */
async function sample(pathOf: (index: number) => string): Promise<OpenResult> {
  const samples: number[] = [];
  for (let index = -10; index < SAMPLES; index += 1) {
    const start = performance.now();
    const response = await fetch(pathOf(index + 10));
    if (!response.ok) throw new Error(`${response.status} for ${pathOf(index)}`);
    await response.arrayBuffer();
    if (index >= 0) samples.push(performance.now() - start);
  }
  return { samples };
}

/** Measures every kind of answer in each round. */
export async function runCatalogue(
  plan: Plan,
  book: Book<OpenResult>,
  log: (text: string) => void,
): Promise<void> {
  const { url, close } = await serve(new TemplateCatalogue(madeUpTemplates()));
  const api = `${url}/api/v1/templates?limit=${PAGE}`;
  try {
    for (let round = 1; round <= plan.rounds; round += 1) {
      log(`${CATALOGUE} round ${round}`);
      const list = (index: number) => `${api}&offset=${(index * 997) % TEMPLATES}`;
      const search = (index: number) =>
        `${api}&q=${encodeURIComponent(QUERIES[index % QUERIES.length] ?? '')}`;
      book.add(CATALOGUE, LIST_PAGE, await attempt(() => sample(list)));
      book.add(CATALOGUE, SEARCH, await attempt(() => sample(search)));
      book.add(
        CATALOGUE,
        REGISTRY_PAGE,
        await attempt(() => sample(() => `${url}/v0.1/servers?limit=${PAGE}`)),
      );
    }
  } finally {
    close();
  }
}
