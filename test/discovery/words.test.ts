import { describe, expect, it } from 'vitest';
import { KnownPackages } from '../../src/discovery/known-packages.ts';
import { mcpVerdict } from '../../src/discovery/mcp-verdict.ts';
import { NameSearch, toNameText } from '../../src/discovery/name-search.ts';
import { ownerOf } from '../../src/discovery/owner.ts';
import { parseQuery } from '../../src/discovery/query.ts';
import { similarNames } from '../../src/discovery/similar-names.ts';
import { createRig } from './rig.ts';

describe('a query', () => {
  it.each([
    ['search the web', ['search', 'web'], undefined],
    ['MCP server for Postgres', ['postgres'], undefined],
    ['mcp server', ['mcp', 'server'], undefined],
    ['@playwright/mcp', ['playwright'], { ecosystem: 'npm', name: '@playwright/mcp' }],
    ['npm:left-pad', ['left', 'pad'], { ecosystem: 'npm', name: 'left-pad' }],
    ['pypi:MCP_Server.Time', ['time'], { ecosystem: 'pypi', name: 'MCP_Server.Time' }],
    ['mcp-server-time', ['time'], { name: 'mcp-server-time' }],
    ['the', ['the'], { name: 'the' }],
    ['../etc/passwd', ['etc', 'passwd'], undefined],
    ['日本 語', ['日本', '語'], undefined],
  ])('%j has its words and perhaps a name', (text, words, exact) => {
    const query = parseQuery(text);
    expect(query.words).toEqual(words);
    expect(query.exact).toEqual(exact);
  });

  it('has qualifiers apart from its words', () => {
    const { words, qualifiers, exact } = parseQuery('pdf maintainer:ann keywords:mcp,ai');
    expect([words, Object.fromEntries(qualifiers), exact]).toEqual([
      ['pdf'],
      { maintainer: 'ann', keywords: 'mcp,ai' },
      undefined,
    ]);
  });

  it('may have spaces in a qualifier, in quotes', () => {
    const { words, qualifiers } = parseQuery('pdf classifier:"Framework :: A & B" "two words"');
    expect([words, Object.fromEntries(qualifiers)]).toEqual([
      ['pdf', 'two', 'words'],
      { classifier: 'Framework :: A & B' },
    ]);
  });

  it.each(['x'.repeat(201), 'a\u0000b', 'a\nb'])('is refused when it is no line of text: %j', (text) => {
    expect(() => parseQuery(text)).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });
});

describe('whether a package is an MCP server', () => {
  const verdict = (name: string, description = '') =>
    mcpVerdict({ ecosystem: 'npm', name, description }).verdict;

  it('is told by words, not by letters', () => {
    expect(verdict('weather-mcp')).toBe('likely');
    expect(verdict('thing', 'A Model Context Protocol server')).toBe('likely');
    expect(verdict('@modelcontextprotocol/thing')).toBe('likely');
    expect(verdict('mcprotein', 'Folds mcproteins')).toBe('unknown');
  });

  it('is sure only of what says so itself and can be run', () => {
    const signs = { ecosystem: 'npm', name: 'x', mcpName: 'a/b' } as const;
    expect(mcpVerdict(signs).verdict).toBe('yes');
    expect(mcpVerdict({ ...signs, runnable: false })).toEqual({
      verdict: 'likely',
      reasons: ['it names itself a/b (mcpName)', 'it has no program to run'],
    });
  });
});

describe('a name that looks like a known one', async () => {
  const { templates, close } = await createRig();
  await close();
  const known = new KnownPackages(templates);

  it.each([
    ['pypi', 'mcp-server-tme', 'a letter or two differ'],
    ['pypi', 'mcp-server-tiem', 'a letter or two differ'],
    ['pypi', 'server-mcp-time', 'the same words in another order'],
    ['pypi', 'mcpservertime', 'it looks the same'],
    ['pypi', 'mcp-server-tirne', 'it looks the same'],
    ['pypi', 'goodjoon-mcp-server-time', 'the whole name is part of it'],
    ['npm', 'mcp-server-time', 'the same name on pypi'],
    ['npm', '@evil/server-everything', 'the same name in another scope'],
    ['npm', '@sentri/mcp-server', 'a letter or two differ'],
  ] as const)('%s %s is told: %s', (ecosystem, name, why) => {
    expect(similarNames(ecosystem, name, known).map((one) => one.why)).toContain(why);
  });

  it.each([
    ['pypi', 'mcp-server-time'],
    ['pypi', 'MCP_server.time'],
    ['npm', '@modelcontextprotocol/server-everything'],
    ['npm', '@modelcontextprotocol/server-filesysten'],
    ['npm', 'lodash'],
    ['pypi', 'mcp-server-postgresql-admin'],
    ['npm', '@acme/mcp-server'],
  ] as const)('%s %s is not', (ecosystem, name) => {
    expect(similarNames(ecosystem, name, known)).toEqual([]);
  });
});

describe('who a package belongs to', () => {
  const entry = {
    kind: 'package',
    reference: 'npm:x',
    title: 'x',
    description: '',
    registryName: 'io.github.ann/x',
    mcp: { verdict: 'yes', reasons: [] },
  } as const;

  it.each([
    ['verified', 'io.github.ann/x', [entry], true],
    ['claimed', 'io.github.ann/x', [], true],
    ['mismatch', 'io.github.bob/x', [entry], true],
    ['mismatch', undefined, [entry], true],
    // The claim may be there and cannot be read.
    ['unknown', undefined, [entry], false],
    ['unknown', undefined, [], true],
  ] as const)('is %s', (state, claim, entries, readable) => {
    expect(ownerOf(claim, entries, readable).state).toBe(state);
  });
});

describe('search in names', () => {
  const names =
    'agent-kit mcp mcp-server-git mcp-server-postgres mcprotein my-postgres-tool postgres postgres-mcp psycopg';
  const search = new NameSearch(toNameText(names.split(' ')));

  it('has names that say MCP first, others apart', () => {
    const found = search.find({ words: ['postgres'], limit: 10 });
    expect(found.mcp).toEqual(expect.arrayContaining(['mcp-server-postgres', 'postgres-mcp']));
    expect(found.others).toEqual(['postgres', 'my-postgres-tool']);
    expect(search.count).toBe(9);
    expect(search.find({ words: ['tool', 'postgres'], limit: 10 }).others).toEqual(['my-postgres-tool']);
  });

  it('forgives a letter, finds any of the words where not all are there, and knows exact names', () => {
    expect(search.find({ words: ['postgrs'], limit: 10 }).mcp).toContain('postgres-mcp');
    expect(search.find({ words: ['git', 'history'], limit: 10 }).mcp).toContain('mcp-server-git');
    expect(search.find({ words: ['psycopg'], exact: 'psycopg', limit: 10 }).exact).toBe(true);
    expect(search.find({ words: ['nothing'], exact: 'psycop', limit: 10 })).toMatchObject({
      exact: false,
      mcp: [],
    });
  });

  it('takes what people type as words, never as a pattern', () => {
    for (const words of [['(['], ['.*'], ['\\'], ['a"b'], ['-x']])
      expect(search.find({ words, limit: 10 }).others.length).toBeLessThan(10);
  });
});

describe('the catalogue in a search', () => {
  it.each([
    ['search the web', 'brave-search'],
    ['drive a browser', 'playwright'],
    ['postgresql database', 'postgres'],
  ])('%j finds %s among the first three, as the catalogue itself does', async (text, slug) => {
    const { search, templates, close } = await createRig();
    const { results } = await search(text, { providers: ['templates'] });
    await close();
    expect(results.slice(0, 3).map(({ template }) => template)).toContain(slug);
    const own = templates.search(text).map(({ template }) => template.slug);
    const found = results.map(({ template }) => template);
    expect(found.length).toBeGreaterThanOrEqual(3);
    expect(found.sort()).toEqual(own.slice(0, found.length).sort());
  });

  it('leaves out what shares a word in passing', async () => {
    const { search, templates, close } = await createRig();
    const { results } = await search('send mail', { providers: ['templates'] });
    await close();
    expect(templates.search('send mail').length).toBeGreaterThan(0);
    expect(results).toEqual([]);
  });

  it('knows what took the place of a package', async () => {
    const { templates, close } = await createRig();
    await close();
    const known = new KnownPackages(templates);
    const [rename] = templates.renames.filter(({ use }) => use.length > 0);
    expect(known.successorOf(rename?.ecosystem ?? 'npm', rename?.name ?? '')).toBe(rename?.use[0]);
    expect(known.successorOf('npm', 'lodash')).toBeUndefined();
  });
});
