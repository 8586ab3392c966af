/** Every way in which the catalogue is asked, over what comes with Berth. */
import { beforeAll, describe, expect, it } from 'vitest';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { parseCatalogueFile } from '../../src/templates/renames.ts';
import { checkedPackage, verificationOf } from '../../src/templates/template-check.ts';
import { toolsOf } from '../../src/templates/template-tools.ts';
import { builtIn, madeUp } from './support.ts';

let catalogue: TemplateCatalogue;
beforeAll(async () => {
  catalogue = await builtIn();
});
const slugs = (templates: readonly { slug: string }[]) => templates.map(({ slug }) => slug);

describe('a list', () => {
  it.each([
    [{ category: 'reasoning' }, ['sequential-thinking']],
    [{ category: 'REASONING' }, ['sequential-thinking']],
    [{ type: 'oci' }, ['archon-core']],
    [{ tags: ['jira'] }, ['atlassian', 'atlassian-hosted']],
    [{ tags: ['jira', 'timezone'] }, ['atlassian', 'atlassian-hosted', 'time']],
    [{ tags: ['jira'], type: 'remote' }, ['atlassian-hosted']],
    [{ status: 'deprecated' }, ['github']],
    [{ status: 'unavailable' }, ['archon-core']],
    [{ package: '@playwright/mcp' }, ['playwright']],
    [{ tier: 'reference', type: 'pypi' }, ['fetch', 'git', 'time']],
    [{ category: 'nothing' }, []],
    [{ origin: 'custom' as const }, []],
  ])('with %j has %j', (filter, expected) => {
    expect(slugs(catalogue.list(filter))).toEqual(expected);
  });

  it('has each template of a type, and no other', () => {
    const remote = catalogue.list({ type: 'remote' });
    expect(slugs(remote)).toEqual(expect.arrayContaining(['linear', 'deepwiki', 'neon', 'github-hosted']));
    expect(remote.every(({ document }) => document.remotes?.length === 1)).toBe(true);
    const types = ['npm', 'pypi', 'oci', 'remote'].map((type) => catalogue.list({ type }).length);
    expect(types.reduce((sum, count) => sum + count)).toBe(catalogue.size);
  });

  it('is a copy: what a caller does to it stays with the caller', () => {
    catalogue.list().pop();
    expect(catalogue.list()).toHaveLength(catalogue.size);
  });
});

describe('capabilities', () => {
  it('are found by the name of a tool and by a word of it, and by nothing less', () => {
    expect(slugs(catalogue.findByCapability('convert_time'))).toEqual(['time']);
    expect(slugs(catalogue.findByCapability('CONVERT_TIME'))).toEqual(['time']);
    expect(slugs(catalogue.findByCapability('navigate'))).toContain('playwright');
    expect(catalogue.findByCapability('nav')).toEqual([]);
  });

  it('are those that the server was seen to offer', () => {
    const time = catalogue.get('time');
    expect(toolsOf(time)[0]).toMatchObject({
      name: 'get_current_time',
      parameters: [{ name: 'timezone', required: true }],
    });
  });
});

describe('categories and statistics', () => {
  it('count every template once', () => {
    const categories = catalogue.categories();
    expect(categories.map(({ name }) => name)).toEqual(categories.map(({ name }) => name).sort());
    expect(categories.reduce((sum, { count }) => sum + count, 0)).toBe(catalogue.size);
    const statistics = catalogue.statistics();
    expect(statistics).toMatchObject({
      templates: catalogue.size,
      custom: 0,
      statuses: { deprecated: 1, unavailable: 1 },
    });
    expect(statistics.verified).toBe(catalogue.list({ verified: true }).length);
    expect(Object.values(statistics.types).reduce((sum, count) => sum + count)).toBe(catalogue.size);
  });

  it('follow what is added and removed', () => {
    const own = new TemplateCatalogue([madeUp('one', { category: 'zoo' })]);
    own.put(madeUp('two', { category: 'zoo' }));
    expect(own.categories()).toEqual([{ name: 'zoo', count: 2 }]);
    expect(own.remove('one')).toBe(true);
    expect(own.remove('one')).toBe(false);
    expect(own.categories()).toEqual([{ name: 'zoo', count: 1 }]);
    expect(own.findByPackage('made-up-one')).toBeUndefined();
    expect(own.findByPackage('made-up-two')?.slug).toBe('two');
  });
});

describe('popular templates', () => {
  it('come in the order of the maintainers, as many as are wanted, and only what is in use after them', () => {
    const first = catalogue.popular(3);
    expect(slugs(first)).toEqual(['filesystem', 'github-hosted', 'playwright']);
    const all = catalogue.popular(1_000);
    expect(new Set(slugs(all)).size).toBe(all.length);
    expect(slugs(all)).not.toContain('github');
    expect(all).toHaveLength(catalogue.list({ status: 'active' }).length);
  });
});

describe('packages that lists still carry', () => {
  it('lead to templates that are there', () => {
    for (const { name, use } of catalogue.renames) {
      for (const slug of use) expect(catalogue.find(slug), `${name}: ${slug}`).toBeDefined();
      expect(catalogue.findByPackage(name)?.slug).toBe(name.endsWith('server-github') ? 'github' : use[0]);
    }
  });

  it('say what to use instead, or that there is nothing', () => {
    expect(catalogue.renameText('@modelcontextprotocol/server-postgres')).toBe(
      '@modelcontextprotocol/server-postgres is archived: use postgres or dbhub instead',
    );
    expect(catalogue.renameText('@modelcontextprotocol/server-gdrive')).toBe(
      '@modelcontextprotocol/server-gdrive is archived: nothing succeeds it',
    );
    expect(catalogue.renameText('left-pad')).toBeUndefined();
  });

  it('cover what the templates say that they replace', () => {
    const named = new Set(catalogue.renames.map(({ name }) => name));
    for (const { slug, extras } of catalogue.list())
      for (const name of extras.replaces) expect(named.has(name), `${slug} replaces ${name}`).toBe(true);
  });

  it('are refused in a file of another form', () => {
    expect(() => parseCatalogueFile('{"v":2}')).toThrow(expect.objectContaining({ code: 'bad-setting' }));
    expect(() => parseCatalogueFile('{')).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });
});

describe('verification', () => {
  const template = madeUp('one');
  const check = {
    v: 1 as const,
    package: 'npm:made-up-one@1.2.3',
    checkedAt: '2026-11-26',
    platform: 'linux-x64, Node 24.0.0',
    result: 'passed' as const,
    inputs: [],
    tools: [],
  };

  it('is what has been seen, of exactly this version', () => {
    expect(verificationOf(template)).toMatchObject({
      verified: false,
      reason: expect.stringContaining('not been installed'),
    });
    expect(verificationOf({ ...template, check })).toMatchObject({ verified: true, checkedAt: '2026-11-26' });
    const older = { ...check, package: 'npm:made-up-one@1.2.2' };
    expect(verificationOf({ ...template, check: older })).toMatchObject({
      verified: false,
      reason: 'only npm:made-up-one@1.2.2 has been checked',
    });
    const failure = { code: 'start-failed', message: 'no answer', phase: 'handshake' };
    expect(verificationOf({ ...template, check: { ...check, result: 'failed', failure } })).toMatchObject({
      verified: false,
      reason: 'its check failed in phase handshake: no answer',
    });
  });

  it('is never claimed for what has nothing to install', () => {
    expect(verificationOf(catalogue.get('linear'))).toEqual({
      verified: false,
      reason: 'there is no package to install and start',
    });
  });

  it('has been tried for every package of the catalogue, in the version that is in it', () => {
    const unchecked = catalogue
      .list()
      .filter(({ extras }) => extras.status !== 'unavailable')
      .filter(({ document }) => (document.packages ?? []).some(({ registryType }) => registryType !== 'oci'))
      .filter((template) => template.check?.package !== checkedPackage(template) || !template.check);
    expect(slugs(unchecked)).toEqual([]);
  });

  it('names no place of the machine that made it', () => {
    for (const { slug, check: made } of catalogue.list())
      expect(JSON.stringify(made?.failure ?? {}), slug).not.toMatch(/\/(root|home|work|tmp)\//);
  });
});
