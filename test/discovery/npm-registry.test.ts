import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startVerdaccio, type VerdaccioRegistry } from '../support/verdaccio.ts';
import { createRig, references, reportOf, resultOf } from './rig.ts';

let registry: VerdaccioRegistry;
let corp: VerdaccioRegistry;
let rig: Awaited<ReturnType<typeof createRig>>;

const SDK = { '@modelcontextprotocol/sdk': '^1.0.0' };

beforeAll(async () => {
  [registry, corp] = await Promise.all([startVerdaccio(), startVerdaccio()]);
  await registry.publish('mcp-pdf-reader', '1.9.0', { description: 'Reads PDF files', dependencies: SDK });
  await registry.publish('mcp-pdf-reader', '1.10.0', {
    description: 'Reads PDF files',
    keywords: ['mcp', 'pdf'],
    mcpName: 'io.github.demo/pdf-reader',
    dependencies: SDK,
    engines: { node: '>=22' },
    bin: { 'mcp-pdf-reader': 'index.js' },
    license: 'MIT',
    author: 'Ann <ann@example.test>',
    repository: { type: 'git', url: 'git+https://git.example.test/demo/pdf.git' },
    scripts: { postinstall: 'node build.js' },
  });
  await registry.publish('mcp-pdf-reader', '2.0.0-beta.1', { dependencies: SDK, bin: 'index.js' });
  await registry.publish('@demo/web-finder', '0.3.0', {
    description: 'Searches the web for agents',
    keywords: ['mcp-server'],
    dependencies: SDK,
    bin: { finder: 'a.js' },
  });
  await registry.publish('pdf-toolbox', '4.0.0', { description: 'Cuts and joins PDF files' });
  await registry.publish('@modelcontextprotocol/server-everything', '2026.8.31', {
    description: 'Everything',
    dependencies: SDK,
    bin: { 'mcp-server-everything': 'x.js' },
  });
  await registry.publish('server-everything', '1.0.0', { description: 'An MCP server', bin: 'x.js' });
  await registry.publish('old-thing', '1.0.0', { description: 'mcp', deprecated: 'use new-thing instead' });
  await corp.publish('@corp/tickets', '7.0.0', {
    description: 'Tickets over MCP',
    keywords: ['mcp'],
    bin: 'x.js',
  });
  rig = await createRig({ npm: registry.url, npmrc: [`@corp:registry=${corp.url}`] });
});

afterAll(async () => {
  await rig?.close();
  await Promise.all([registry?.close(), corp?.close()]);
});

describe('search in a real npm registry', () => {
  it('finds by words of name, description and keywords; servers come before what is none', async () => {
    const answer = await rig.search('read a pdf', { all: true });
    expect(references(answer).filter((one) => one.startsWith('npm:'))).toEqual([
      'npm:mcp-pdf-reader',
      'npm:pdf-toolbox',
    ]);
    expect(resultOf(answer, 'npm:mcp-pdf-reader')).toMatchObject({
      package: { ecosystem: 'npm', name: 'mcp-pdf-reader' },
      providers: ['npm'],
      mcp: { verdict: 'likely' },
    });
    expect(reportOf(answer, 'npm')).toMatchObject({
      state: 'ok',
      capabilities: { search: true },
      ageSeconds: 0,
    });
  });

  it('leaves out what nothing shows to be a server, unless all is wanted or it was typed', async () => {
    expect(references(await rig.search('cut pdf files'))).not.toContain('npm:pdf-toolbox');
    expect(references(await rig.search('pdf-toolbox'))).toContain('npm:pdf-toolbox');
  });

  it('asks the registry of each scope, and finds a scoped name by its words', async () => {
    const answer = await rig.search('tickets');
    expect(references(answer)).toContain('npm:@corp/tickets');
    expect(resultOf(answer, 'npm:@corp/tickets')?.providers).toEqual(['npm @corp']);
    expect(references(await rig.search('finder'))).toContain('npm:@demo/web-finder');
  });

  it('finds an exact name of a scope in the registry of the scope', async () => {
    const answer = await rig.search('@corp/tickets');
    expect(references(answer)[0]).toBe('npm:@corp/tickets');
    expect(resultOf(answer, 'npm:@corp/tickets')?.providers).toContain('exact');
  });

  it('shows one server once, whoever found it, and by its template', async () => {
    const answer = await rig.search('@modelcontextprotocol/server-everything');
    expect(
      answer.results.filter(({ package: found }) => found?.name.endsWith('/server-everything')),
    ).toHaveLength(1);
    const [first] = answer.results;
    expect(first).toMatchObject({ reference: 'everything', template: 'everything', mcp: { verdict: 'yes' } });
    expect(first?.providers).toEqual(expect.arrayContaining(['templates', 'npm', 'exact']));
  });

  it('browses without words', async () => {
    const found = references(await rig.search(''));
    expect(found).toEqual(expect.arrayContaining(['everything', 'npm:mcp-pdf-reader']));
    expect(found).not.toContain('npm:pdf-toolbox');
  });
});

describe('an npm package', () => {
  it('is told with its versions, newest first in the order of semver', async () => {
    const found = await rig.read('npm', 'mcp-pdf-reader');
    expect(found.versions.map(({ version }) => version)).toEqual(['2.0.0-beta.1', '1.10.0', '1.9.0']);
    expect(found.versions.map(({ prerelease }) => prerelease)).toEqual([true, false, false]);
    expect(found).toMatchObject({
      version: '1.10.0',
      description: 'Reads PDF files',
      license: 'MIT',
      author: 'Ann',
      repository: 'https://git.example.test/demo/pdf',
      engines: { node: '>=22' },
      dependencies: SDK,
      programs: ['mcp-pdf-reader'],
      installScripts: true,
      integrity: expect.stringMatching(/^sha512-/),
      install: 'npx -y mcp-pdf-reader@1.10.0',
      run: 'berth run npm:mcp-pdf-reader@1.10.0',
    });
  });

  it('is an MCP server for reasons that are named', async () => {
    const found = await rig.read('npm', 'mcp-pdf-reader');
    expect(found.mcp).toEqual({
      verdict: 'yes',
      reasons: [
        'it names itself io.github.demo/pdf-reader (mcpName)',
        'it depends on @modelcontextprotocol/sdk',
        'its keywords have mcp',
        'its name says MCP',
      ],
    });
    expect((await rig.read('npm', 'pdf-toolbox')).mcp).toEqual({
      verdict: 'unknown',
      reasons: ['it has no program to run'],
    });
  });

  it('has unknown where the registry says nothing, and not no', async () => {
    const found = await rig.read('npm', 'mcp-pdf-reader');
    expect(found).toMatchObject({
      provenance: 'unknown',
      downloads: { lastMonth: 'unknown' },
      deprecated: { state: 'unknown' },
      owner: { state: 'claimed', mcpName: 'io.github.demo/pdf-reader' },
    });
  });

  it('is told for a version, a range or a tag; another one is not there', async () => {
    expect((await rig.read('npm', 'mcp-pdf-reader', { version: '1.9.0' })).version).toBe('1.9.0');
    expect((await rig.read('npm', 'mcp-pdf-reader', { version: '^1' })).version).toBe('1.10.0');
    expect((await rig.read('npm', 'mcp-pdf-reader', { version: 'next' })).version).toBe('2.0.0-beta.1');
    await expect(rig.read('npm', 'mcp-pdf-reader', { version: '9.9.9' })).rejects.toMatchObject({
      code: 'not-found',
      message: 'mcp-pdf-reader has no version 9.9.9',
    });
    await expect(rig.read('npm', 'nobody-has-this')).rejects.toMatchObject({ code: 'not-found' });
    await expect(rig.read('npm', '../../-/whoami')).rejects.toMatchObject({ code: 'bad-input' });
  });

  it('tells a deprecation, and warns of a name that looks like a known one', async () => {
    expect((await rig.read('npm', 'old-thing')).deprecated).toEqual({
      state: 'yes',
      message: 'use new-thing instead',
    });
    const [warning] = (await rig.read('npm', 'server-everything')).similarNames;
    expect(warning).toMatchObject({
      name: '@modelcontextprotocol/server-everything',
      template: 'everything',
    });
    const known = await rig.read('npm', '@modelcontextprotocol/server-everything');
    expect(known).toMatchObject({ similarNames: [], template: 'everything', run: 'berth run everything' });
  });
});
