/** What people type leads to the template that they mean. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCatalogue, type TemplateCatalogue } from '../../src/templates/catalogue.ts';

let catalogue: TemplateCatalogue;
beforeAll(async () => {
  catalogue = await loadCatalogue(new URL('../../registry-templates/', import.meta.url).pathname);
});

const slugs = (query: string) => catalogue.search(query).map(({ template }) => template.slug);

/** Any of the second column is in the first three. */
const QUERIES: readonly (readonly [string, ...string[]])[] = [
  ['search the web', 'brave-search', 'exa', 'tavily', 'duckduckgo', 'perplexity'],
  ['web search without an api key', 'duckduckgo'],
  ['google something', 'brave-search', 'exa', 'tavily', 'duckduckgo', 'perplexity'],
  ['read pdf', 'markitdown'],
  ['convert word document to markdown', 'markitdown'],
  ['open excel spreadsheets', 'markitdown'],
  ['postgres', 'postgres'],
  ['PostgreSQL database', 'postgres'],
  ['query my pg db', 'postgres'],
  ['mysql', 'dbhub'],
  ['sqlite', 'dbhub'],
  ['sql server', 'dbhub'],
  ['mongo', 'mongodb'],
  ['redis cache', 'redis'],
  ['clickhouse analytics', 'clickhouse'],
  ['elastic', 'elasticsearch'],
  ['vector database', 'qdrant'],
  ['semantic search over memories', 'qdrant'],
  ['supabase', 'supabase'],
  ['serverless postgres', 'neon'],
  ['list files in a folder', 'filesystem'],
  ['read and write files', 'filesystem'],
  ['run shell commands', 'desktop-commander'],
  ['terminal', 'desktop-commander'],
  ['fetch a web page', 'fetch'],
  ['download a url', 'fetch'],
  ['scrape a website', 'firecrawl', 'apify'],
  ['crawl a site', 'tavily', 'firecrawl'],
  ['control a browser', 'playwright', 'chrome-devtools', 'browserbase'],
  ['click buttons on a web page', 'playwright', 'chrome-devtools', 'browserbase'],
  ['take a screenshot', 'playwright', 'chrome-devtools', 'browserbase'],
  ['puppeteer', 'playwright', 'chrome-devtools'],
  ['performance trace of a page in chrome', 'chrome-devtools'],
  ['cloud browser', 'browserbase'],
  ['git commit', 'git'],
  ['github issues', 'github-hosted'],
  ['open a pull request', 'github-hosted'],
  ['gitlab merge requests', 'gitlab'],
  ['azure devops work items', 'azure-devops'],
  ['jira tickets', 'atlassian', 'atlassian-hosted'],
  ['confluence', 'atlassian', 'atlassian-hosted'],
  ['linear', 'linear'],
  ['slack messages', 'slack'],
  ['notion pages', 'notion', 'notion-hosted'],
  ['kubernetes pods', 'kubernetes'],
  ['k8s', 'kubernetes', 'kubectl'],
  ['helm', 'kubectl', 'kubernetes'],
  ['aws', 'aws-api', 'aws-docs'],
  ['read the aws documentation', 'aws-docs'],
  ['azure resources', 'azure'],
  ['deploy to heroku', 'heroku'],
  ['firestore', 'firebase'],
  ['cloudflare workers', 'cloudflare'],
  ['errors in production', 'sentry', 'sentry-hosted'],
  ['grafana dashboards', 'grafana'],
  ['prometheus metrics', 'grafana'],
  ['library documentation', 'context7'],
  ['what time is it in tokyo', 'time'],
  ['convert between time zones', 'time'],
  ['remember things about me', 'memory'],
  ['knowledge graph', 'memory'],
  ['think step by step', 'sequential-thinking'],
  ['take payments', 'stripe', 'stripe-hosted'],
  ['invoices and subscriptions', 'stripe', 'stripe-hosted'],
  ['crm contacts', 'hubspot'],
  ['salesforce', 'salesforce'],
  ['figma design', 'figma'],
  ['shopify', 'shopify-dev'],
  ['machine learning models', 'hugging-face'],
  ['ask about a github repository', 'deepwiki', 'github-hosted'],
  ['@playwright/mcp', 'playwright'],
  ['mcp-server-time', 'time'],
  ['playwrigt', 'playwright'],
];

describe('a search', () => {
  it('has a table of sixty queries at least', () => {
    expect(QUERIES.length).toBeGreaterThanOrEqual(60);
  });

  it.each(QUERIES)('for %j finds it in the first three', (query, ...wanted) => {
    const first = slugs(query).slice(0, 3);
    expect(
      wanted.some((slug) => first.includes(slug)),
      `${query}: ${first.join(', ')}`,
    ).toBe(true);
  });

  it.each(QUERIES)('for %j makes no difference of case and lists nothing twice', (query) => {
    const found = slugs(query);
    expect(new Set(found).size).toBe(found.length);
    expect(slugs(query.toUpperCase())).toEqual(slugs(query.toLowerCase()));
  });

  it('lists a template once that matches by its tag and by a tool', () => {
    expect(slugs('fetch').filter((slug) => slug === 'fetch')).toEqual(['fetch']);
  });

  it('puts what is exactly asked for first', () => {
    for (const { slug } of catalogue.list()) expect(slugs(slug)[0]).toBe(slug);
  });

  it('puts what is in use before what is not', () => {
    const found = slugs('github');
    expect(found.indexOf('github')).toBe(0);
    const described = slugs('github repositories');
    expect(described.indexOf('github-hosted')).toBeLessThan(described.indexOf('github'));
  });

  it.each(['', '   ', 'the a of', '!!!', '\u0000'])('finds nothing for %j', (query) => {
    expect(slugs(query)).toEqual([]);
  });

  it('keeps to a filter', () => {
    const found = catalogue.search('search the web', { type: 'pypi' });
    expect(found.map(({ template }) => template.slug)).toContain('duckduckgo');
    expect(found.map(({ template }) => template.slug)).not.toContain('brave-search');
  });

  it('sees what was added and no longer sees what was removed', async () => {
    const own = await loadCatalogue(new URL('../../registry-templates/', import.meta.url).pathname);
    const template = own.get('time');
    own.search('time');
    own.put({ ...template, slug: 'zymurgy', extras: { ...template.extras, slug: 'zymurgy' } });
    expect(own.search('zymurgy')[0]?.template.slug).toBe('zymurgy');
    own.remove('zymurgy');
    expect(own.search('zymurgy')).toEqual([]);
  });
});
