/** What leaves Berth comes back the same, and what comes from elsewhere is kept as it was. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveSlug } from '../../src/templates/derive-extras.ts';
import { exportTemplates, readTemplate, readTemplates } from '../../src/templates/portable.ts';
import { toRegistryList } from '../../src/templates/registry-entry.ts';
import { readDocument, runnablePackage, typeOf } from '../../src/templates/template.ts';
import { toolsOf } from '../../src/templates/template-tools.ts';
import { builtIn } from './support.ts';

const REAL: Record<string, unknown>[] = JSON.parse(
  readFileSync(new URL('../fixtures/mcp-registry/documents.json', import.meta.url), 'utf8'),
);
const catalogue = await builtIn();
const documents = [...REAL, ...catalogue.list().map(({ document }) => document as Record<string, unknown>)];
const again = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a round trip', () => {
  it.each(documents.map((document) => [`${document.name} ${document.version}`, document]))(
    'of %s loses nothing',
    (_name, document) => {
      expect(JSON.stringify(readDocument(document).document)).toBe(JSON.stringify(document));
    },
  );

  it('of the whole catalogue through a file of Berth loses nothing', () => {
    const { templates, skipped } = readTemplates(again(exportTemplates(catalogue.list())));
    expect(skipped).toEqual([]);
    const shown = (list: typeof templates) =>
      list.map(({ slug, document, extras, readme }) => ({ slug, document, extras, readme }));
    expect(shown(templates)).toEqual(shown(catalogue.list()));
  });

  it('through an answer of a registry loses no document', () => {
    const { templates, skipped } = readTemplates(again(toRegistryList(catalogue.list())));
    expect(skipped).toEqual([]);
    expect(templates.map(({ document }) => document)).toEqual(
      catalogue.list().map(({ document }) => document),
    );
  });

  it('keeps whatever else a document says, anywhere outside of our key', () => {
    const path = fc.constantFrom<(d: Record<string, never>) => Record<string, unknown> | undefined>(
      (d) => d,
      (d) => (d.packages as Record<string, unknown>[] | undefined)?.[0],
      (d) => (d.remotes as Record<string, unknown>[] | undefined)?.[0],
      (d) => d.repository,
      (d) => d._meta,
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...documents),
        path,
        fc.jsonValue({ maxDepth: 3 }),
        (document, place, extra) => {
          const changed = again(document) as Record<string, never>;
          const target = place(changed);
          if (target) target['x-elsewhere'] = extra;
          expect(JSON.stringify(readDocument(changed).document)).toBe(JSON.stringify(changed));
          const { templates } = readTemplates(again(exportTemplates([readDocument(changed)])));
          expect(JSON.stringify(templates[0]?.document)).toBe(JSON.stringify(changed));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a document from elsewhere', () => {
  it('gets what only Berth has, derived and not written into it', () => {
    const [airtable] = REAL;
    const template = readDocument(airtable);
    expect(template).toMatchObject({
      slug: 'airtable',
      extras: { category: 'other', tier: 'community', status: 'active' },
    });
    expect(runnablePackage(template)).toMatchObject({ ecosystem: 'npm', version: '1.7.2' });
    expect(JSON.stringify(template.document)).not.toContain('dev.berth');
  });

  it.each([
    ['io.github.acme/weather-mcp-server', 'weather'],
    ['com.stripe/mcp', 'stripe'],
    ['io.github.Some_One/My.Cool_Thing', 'my-cool-thing'],
    ['io.github.x/mcp-server', 'x'],
    [`a/${'long-'.repeat(30)}`, `${'long-'.repeat(10)}lo`],
  ])('named %s is called %s', (name, slug) => {
    expect(deriveSlug(name)).toBe(slug);
  });

  it('has a slug for every name that the schema allows', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z0-9.-]{1,40}\/[a-zA-Z0-9._-]{1,80}$/), (name) => {
        expect(deriveSlug(name)).toMatch(/^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/);
      }),
    );
  });

  it.each([
    ['no object', 7, 'bad-input'],
    ['null', null, 'bad-input'],
    ['a name without a slash', { name: 'x', description: 'y', version: '1.0.0' }, 'bad-input'],
    [
      'another schema',
      { $schema: 'https://example.invalid/x.json', name: 'a/b', description: 'y', version: '1' },
      'bad-input',
    ],
  ])('that is %s is refused by its member', (_what, value, code) => {
    expect(() => readTemplate(value)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a file', () => {
  it('is read but for what is wrong in it, which is named', () => {
    const good = REAL[0];
    const { templates, skipped } = readTemplates({
      version: '1.0',
      templates: [good, { name: 'bad' }, good],
    });
    expect(templates).toHaveLength(1);
    expect(skipped).toMatchObject([
      { index: 1, name: 'bad', error: { code: 'bad-input' } },
      { index: 2, error: { code: 'conflict' } },
    ]);
  });

  it('may be a list, a ToolHive registry or a single document', () => {
    expect(readTemplates(REAL.slice(0, 1)).templates).toHaveLength(1);
    expect(readTemplates({ data: { servers: REAL.slice(0, 1) } }).templates).toHaveLength(1);
    expect(readTemplates(REAL[0]).templates).toHaveLength(1);
    expect(() => readTemplates('text')).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });
});

describe('a template of the earlier system', () => {
  const legacy = {
    server_id: 'Weather_Now',
    name: 'Weather',
    description: 'Tells the weather '.repeat(10),
    server_type: 'npx',
    package: 'weather-mcp',
    default_args: ['--units', 'metric'],
    required_env: ['WEATHER_API_KEY', 'WEATHER_CITY'],
    optional_env: { WEATHER_LANG: 'en' },
    transport: 'stdio',
    capabilities: [{ name: 'forecast', description: 'Of tomorrow', parameters: [], category: 'weather' }],
    tags: ['weather'],
    repository_url: 'https://github.com/acme/weather',
    version: '1.4.0',
    author: 'Acme',
    license: 'MIT',
  };

  it('means the same as a document', () => {
    const template = readTemplate(legacy);
    expect(template).toMatchObject({
      slug: 'weather-now',
      extras: { category: 'weather', author: 'Acme', license: 'MIT' },
    });
    expect(runnablePackage(template)).toMatchObject({
      ecosystem: 'npm',
      version: '1.4.0',
      definition: {
        identifier: 'weather-mcp',
        packageArguments: [{ value: '--units' }, { value: 'metric' }],
        environmentVariables: [
          { name: 'WEATHER_API_KEY', isRequired: true, isSecret: true },
          { name: 'WEATHER_CITY', isRequired: true },
          { name: 'WEATHER_LANG', default: 'en' },
        ],
      },
    });
    expect(toolsOf(template)).toMatchObject([{ name: 'forecast' }]);
    expect(template.document.description.length).toBeLessThanOrEqual(100);
  });

  it.each([
    ['uv', 'pypi'],
    ['python', 'pypi'],
    ['docker', 'oci'],
  ])('of type %s is one of %s', (server_type, type) => {
    expect(typeOf(readTemplate({ ...legacy, server_type }))).toBe(type);
  });

  it('without a version is resolved when a server is made', () => {
    const { version: _, ...rest } = legacy;
    expect(runnablePackage(readTemplate(rest)).version).toBeUndefined();
  });

  it('of an unknown type is refused by its field', () => {
    expect(() => readTemplate({ ...legacy, server_type: 'ftp' })).toThrow(/server_type/);
  });
});

describe('the short form', () => {
  it('is enough for a template', () => {
    const template = readTemplate({
      slug: 'mine',
      source: { pypi: { name: 'my-server' } },
      args: ['--read-only'],
      env: ['CITY', { name: 'TOKEN', isSecret: true, isRequired: true }],
      tags: ['own'],
    });
    expect(template).toMatchObject({ slug: 'mine', extras: { tags: ['own'] } });
    expect(runnablePackage(template)).toMatchObject({
      ecosystem: 'pypi',
      definition: { environmentVariables: [{ name: 'CITY' }, { name: 'TOKEN', isSecret: true }] },
    });
  });

  it('may be of a remote server', () => {
    expect(
      typeOf(readTemplate({ slug: 'far', source: { remote: { url: 'https://mcp.example.com/mcp' } } })),
    ).toBe('remote');
  });

  it.each([
    [{ slug: 'Bad Slug', source: { npm: { name: 'x' } } }],
    [{ slug: 'x', source: {} }],
    [{ slug: 'x', source: { npm: { name: 'x' }, pypi: { name: 'y' } } }],
    [{ slug: 'x', source: { npm: { name: 'x' } }, command: 'sh' }],
  ])('refuses %j', (value) => {
    expect(() => readTemplate(value)).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });
});
