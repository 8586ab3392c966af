import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isForbiddenEnvName } from '../../src/packages/env-names.ts';
import { loadCatalogue } from '../../src/templates/catalogue.ts';
import { serverJsonSchema } from '../../src/templates/server-json.ts';
import { parseTemplate, runnablePackage, typeOf } from '../../src/templates/template.ts';

const FOLDER = new URL('../../registry-templates/', import.meta.url).pathname;

// biome-ignore lint/suspicious/noExplicitAny: a JSON document to break in one place
type Doc = Record<string, any>;

const SLUGS =
  `apify archon-core atlassian atlassian-hosted aws-api aws-docs azure azure-devops brave-search browserbase chrome-devtools
  clickhouse cloudflare context7 dbhub deepwiki desktop-commander duckduckgo elasticsearch everything exa fetch figma filesystem firebase
  firecrawl git github github-hosted gitlab grafana heroku hubspot hugging-face kubectl kubernetes linear markitdown memory
  microsoft-learn mongodb neon notion notion-hosted perplexity playwright postgres qdrant redis salesforce sentry sentry-hosted
  sequential-thinking shopify-dev slack stripe stripe-hosted supabase tavily time`.split(/\s+/);

const officialSchema = new Ajv({ strict: false, allErrors: true }).compile(
  JSON.parse(await readFile(new URL('../fixtures/mcp-registry/server.schema.json', import.meta.url), 'utf8')),
);

describe('the built-in templates', () => {
  it('are all there and all valid', async () => {
    const catalogue = await loadCatalogue(FOLDER);
    expect(catalogue.problems).toEqual([]);
    expect(catalogue.list().map(({ slug }) => slug)).toEqual(SLUGS);
  });

  it.each(SLUGS)(
    '%s is a valid server.json that comes back unchanged, with a description to read',
    async (slug) => {
      const text = await readFile(join(FOLDER, slug, 'server.json'), 'utf8');
      const template = (await loadCatalogue(FOLDER)).get(slug);
      expect(serverJsonSchema.safeParse(JSON.parse(text)).error).toBeUndefined();
      expect(officialSchema(JSON.parse(text)), JSON.stringify(officialSchema.errors)).toBe(true);
      expect(JSON.stringify(template.document)).toBe(JSON.stringify(JSON.parse(text)));
      expect(template.readme).toMatch(/^# /);
      expect(Object.keys(template.document._meta ?? {})).toEqual([
        'io.modelcontextprotocol.registry/publisher-provided',
      ]);
    },
  );

  it('name exact versions of packages that can be run, or a remote server, or say why not', async () => {
    for (const template of (await loadCatalogue(FOLDER)).list()) {
      if (template.extras.status === 'unavailable') {
        expect(() => runnablePackage(template)).toThrow(
          /archon-core cannot be run here: .*container image.*cluster/,
        );
      } else if (typeOf(template) === 'remote') {
        expect(template.document.remotes?.[0]?.url).toMatch(/^https:/);
      } else {
        expect(runnablePackage(template).version).toMatch(/^\d+(\.\d+)+(a\d+)?$/);
      }
    }
  });

  it('can all be run in a cluster', async () => {
    const catalogue = await loadCatalogue(FOLDER, { cluster: true });
    expect(catalogue.list({ status: 'unavailable' })).toEqual([]);
    expect(catalogue.get('archon-core').extras).not.toHaveProperty('statusMessage');
  });

  it('say no more than the one who publishes to a registry may', async () => {
    for (const { slug, document } of (await loadCatalogue(FOLDER)).list())
      expect(Buffer.byteLength(JSON.stringify(document._meta)), slug).toBeLessThan(4_096);
  });

  it('give secrets no default and no fixed value', async () => {
    for (const { slug, document } of (await loadCatalogue(FOLDER)).list()) {
      const variables = (document.packages ?? []).flatMap(
        ({ environmentVariables = [] }) => environmentVariables,
      );
      for (const { name, isSecret, default: fallback, value } of variables) {
        if (isSecret) expect([slug, name, fallback, value]).toEqual([slug, name, undefined, undefined]);
        expect(isForbiddenEnvName(name), `${slug} ${name}`).toBe(false);
      }
    }
  });

  it('are found by the package that they run and by the one that they succeed', async () => {
    const catalogue = await loadCatalogue(FOLDER);
    expect(catalogue.findByPackage('@playwright/mcp')?.slug).toBe('playwright');
    expect(catalogue.findByPackage('@modelcontextprotocol/server-postgres')?.slug).toBe('postgres');
    expect(catalogue.findByPackage('left-pad')).toBeUndefined();
  });

  it('answer an unknown name with similar ones', async () => {
    const catalogue = await loadCatalogue(FOLDER);
    expect(() => catalogue.get('brave')).toThrow(
      expect.objectContaining({ code: 'not-found', hint: expect.stringContaining('brave-search') }),
    );
  });
});

describe('a folder with a bad template', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-templates-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const put = async (slug: string, text: string) => {
    await mkdir(join(folder, slug));
    await writeFile(join(folder, slug, 'server.json'), text);
  };

  it('names the bad file and serves the others', async () => {
    const good = await readFile(join(FOLDER, 'time', 'server.json'), 'utf8');
    await put('time', good);
    await put('broken', '{');
    await put('elsewhere', good);
    await put('huge', ' '.repeat(300 * 1024));
    await mkdir(join(folder, 'empty'));
    const catalogue = await loadCatalogue(folder);
    expect(catalogue.list().map(({ slug }) => slug)).toEqual(['time']);
    expect(catalogue.problems.map(({ slug, error }) => [slug, error.message])).toEqual([
      ['broken', 'template broken/server.json: is not valid JSON'],
      ['elsewhere', expect.stringContaining('must be "elsewhere", the name of its folder')],
      ['empty', 'template empty has no server.json'],
      ['huge', expect.stringContaining('is the limit')],
    ]);
  });

  it('is refused when it cannot be read at all', async () => {
    await expect(loadCatalogue(join(folder, 'missing'))).rejects.toMatchObject({ code: 'bad-setting' });
  });
});

describe('the format', () => {
  const change = async (edit: (document: Doc) => void) => {
    const document = JSON.parse(await readFile(join(FOLDER, 'brave-search', 'server.json'), 'utf8'));
    edit(document);
    return () => parseTemplate('brave-search', JSON.stringify(document));
  };

  it.each([
    ['/description', (d: Doc) => (d.description = 'x'.repeat(101))],
    ['/name', (d: Doc) => (d.name = 'no-slash')],
    ['/version', (d: Doc) => (d.version = '^1.2.3')],
    ['/version', (d: Doc) => (d.version = '1.x')],
    ['/packages/0/version', (d: Doc) => (d.packages[0].version = 'latest')],
    ['/packages/0/transport', (d: Doc) => delete d.packages[0].transport],
    [
      '/packages/0/environmentVariables/0/format',
      (d: Doc) => (d.packages[0].environmentVariables[0].format = 'blob'),
    ],
    ['/$schema', (d: Doc) => (d.$schema = 'https://example.invalid/other.json')],
  ])('refuses a bad %s', async (pointer, edit) => {
    const parse = await change(edit);
    expect(parse).toThrow(
      expect.objectContaining({
        code: 'bad-setting',
        message: expect.stringContaining(`server.json${pointer}`),
      }),
    );
  });

  it('keeps members that it does not know, outside of our key', async () => {
    const parse = await change((document) => (document.future = { a: 1 }));
    expect(JSON.stringify(parse().document)).toContain('"future":{"a":1}');
  });

  it('refuses members that it does not know inside our key', async () => {
    const parse = await change((document) => {
      document._meta['io.modelcontextprotocol.registry/publisher-provided']['dev.berth/template'].command =
        'sh';
    });
    expect(parse).toThrow(/dev\.berth\/template/);
  });
});
