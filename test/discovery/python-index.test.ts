import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AnsweringServer, json, text } from '../support/answering-server.ts';
import { toWheel } from '../support/archives.ts';
import { type PythonIndex, startPypiServer } from '../support/pypi-server.ts';
import { createRig, references, reportOf, resultOf } from './rig.ts';

/** A worker reads the list; how long that takes is the machine's affair. */
const PATIENCE = { timeout: 30_000 };
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';

describe('a real Python index in HTML, without a JSON API', () => {
  let index: PythonIndex;
  let rig: Awaited<ReturnType<typeof createRig>>;

  const wheel = async (name: string, version: string) => {
    const { file, bytes } = toWheel({ name, version, files: {}, scripts: {} });
    await index.publish(file, bytes);
  };

  beforeAll(async () => {
    index = await startPypiServer();
    await wheel('mcp-server-weather', '1.9.0');
    await wheel('mcp-server-weather', '1.10.0');
    await wheel('mcp-server-weather', '2.0.0rc1');
    await wheel('weather-mcp', '0.1.0');
    await wheel('weather-station', '0.1.0');
    rig = await createRig({ pypi: index.url, pypiNames: true });
  });

  afterAll(async () => {
    await rig?.close();
    await index?.close();
  });

  it('is searched in its list of names, forgiving a typing error', async () => {
    const answer = await rig.search('weather');
    expect(references(answer)).toEqual(
      expect.arrayContaining(['pypi:mcp-server-weather', 'pypi:weather-mcp']),
    );
    expect(references(answer)).not.toContain('pypi:weather-station');
    expect(reportOf(answer, 'pypi')).toMatchObject({
      state: 'ok',
      capabilities: { names: true, metadata: 'unknown' },
    });
    expect(references(await rig.search('wether'))).toContain('pypi:mcp-server-weather');
  });

  it('has exact names found, however they are written, also what is no server', async () => {
    expect(references(await rig.search('MCP_Server.Weather'))).toContain('pypi:mcp-server-weather');
    const answer = await rig.search('pypi:weather-station');
    expect(references(answer)).toContain('pypi:weather-station');
    expect(reportOf(answer, 'exact')?.state).toBe('ok');
  });

  it('tells versions newest first in the order of PEP 440, and unknown for what it does not have', async () => {
    const found = await rig.read('pypi', 'MCP-server_weather');
    expect(found.versions.map(({ version }) => version)).toEqual(['2.0.0rc1', '1.10.0', '1.9.0']);
    expect(found).toMatchObject({
      name: 'mcp-server-weather',
      version: '1.10.0',
      tags: { latest: '1.10.0' },
      provenance: 'unknown',
      deprecated: { state: 'unknown' },
      downloads: { lastMonth: 'unknown' },
      owner: { state: 'unknown' },
      mcp: { verdict: 'likely', reasons: ['its name says MCP'] },
      install: 'uvx mcp-server-weather@1.10.0',
      run: 'berth run pypi:mcp-server-weather==1.10.0',
    });
    expect(found).not.toHaveProperty('dependencies');
    await expect(rig.read('pypi', 'nobody-has-this')).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a Python index with all there is', () => {
  let index: AnsweringServer;
  let rig: Awaited<ReturnType<typeof createRig>>;
  let now: number;

  const names = (...list: string[]) =>
    json(
      {
        meta: { 'api-version': '1.4', '_last-serial': list.length },
        projects: list.map((name) => ({ name, '_last-serial': 1 })),
      },
      200,
      { 'content-type': JSON_TYPE, etag: `"${list.length}"`, 'x-pypi-last-serial': String(list.length) },
    );
  const project = (files: readonly Record<string, unknown>[], more: Record<string, unknown> = {}) =>
    json({ meta: {}, files, ...more }, 200, { 'content-type': JSON_TYPE });
  const info = (fields: Record<string, unknown>) => json({ info: fields });
  const file = (filename: string, more: Record<string, unknown> = {}) => ({
    filename,
    url: `./${filename}`,
    ...more,
  });

  beforeEach(async () => {
    now = Date.now();
    index = await new AnsweringServer().start();
    index.on(/^\/simple\/$/, names('mcp-server-fetcher', 'fetch-helper', 'mcprotein', 'Agent.Fetch'));
    rig = await createRig({ pypi: `${index.url}simple/`, pypiNames: true, now: () => now });
  });

  afterEach(async () => {
    await rig.close();
    await index.close();
  });

  it('has hits with what its JSON API says, and servers that only their dependencies betray', async () => {
    index
      .on(
        /^\/pypi\/mcp-server-fetcher\/json$/,
        info({ version: '1.2.0', summary: 'Fetches pages', keywords: 'web,mcp' }),
      )
      .on(
        /^\/pypi\/agent-fetch\/json$/,
        info({ version: '0.4', summary: 'For agents', requires_dist: ['fastmcp>=2 ; python_version>"3.9"'] }),
      )
      .on(
        /^\/pypi\/fetch-helper\/json$/,
        info({ version: '9', summary: 'Helps', requires_dist: ['requests'] }),
      );
    const answer = await rig.search('fetch');
    expect(resultOf(answer, 'pypi:mcp-server-fetcher')).toMatchObject({
      description: 'Fetches pages',
      package: { version: '1.2.0' },
      mcp: { verdict: 'likely' },
    });
    expect(resultOf(answer, 'pypi:agent-fetch')).toMatchObject({
      mcp: { verdict: 'yes', reasons: ['it depends on fastmcp'] },
    });
    expect(references(answer)).not.toContain('pypi:fetch-helper');
  });

  it('fetches the list of names once a day, with ETag, and keeps it over a restart', async () => {
    const first = await rig.search('fetcher');
    expect(references(first)).toContain('pypi:mcp-server-fetcher');
    await rig.search('other');
    expect(index.count(/^\/simple\/$/)).toBe(1);
    await rig.discovery.close();
    const again = await createRig({
      pypi: `${index.url}simple/`,
      pypiNames: true,
      now: () => now,
      home: rig.home,
    });
    now += 3_600_000;
    expect(reportOf(await again.search('fetcher'), 'pypi')).toMatchObject({ state: 'ok', ageSeconds: 3_600 });
    expect(index.count(/^\/simple\/$/)).toBe(1);
    index.on(/^\/simple\/$/, (asked, response) =>
      asked.headers['if-none-match'] === '"4"'
        ? response.writeHead(304).end()
        : names('mcp-never')(asked, response),
    );
    now += 86_400_000;
    // The old list is used while the index is asked.
    expect(references(await again.search('fetcher'))).toContain('pypi:mcp-server-fetcher');
    await expect
      .poll(async () => reportOf(await again.search('fetcher'), 'pypi')?.ageSeconds, PATIENCE)
      .toBe(0);
    expect(references(await again.search('fetcher'))).toContain('pypi:mcp-server-fetcher');
    await again.close();
  });

  it('takes a new list over, without a restart', async () => {
    await rig.search('fetcher');
    index.on(/^\/simple\/$/, names('mcp-server-fetcher', 'mcp-newcomer', 'a', 'b', 'c'));
    now += 86_400_001;
    await rig.search('newcomer');
    await expect
      .poll(async () => references(await rig.search('newcomer')), PATIENCE)
      .toContain('pypi:mcp-newcomer');
  });

  it.each([
    ['cut off', text('{"projects":[{"name":"mcp-x"},', JSON_TYPE), 'malformed'],
    ['a page of something else', text('<p>Please sign in</p>', 'text/html'), 'malformed'],
    ['gone for now', json({}, 503, { 'retry-after': '120' }), 'busy'],
  ])('keeps the list that it has when the new one is %s', async (_what, answer, reason) => {
    await rig.search('fetcher');
    index.on(/^\/simple\/$/, answer);
    now += 86_400_001;
    await rig.search('fetcher');
    await expect
      .poll(async () => reportOf(await rig.search('fetcher'), 'pypi')?.state, PATIENCE)
      .toBe('stale');
    const later = await rig.search('fetcher');
    expect(references(later)).toContain('pypi:mcp-server-fetcher');
    expect(reportOf(later, 'pypi')?.failure).toMatchObject({ reason });
    const asked = index.count(/^\/simple\/$/);
    await rig.search('fetcher');
    expect(index.count(/^\/simple\/$/)).toBe(asked);
  });

  it('says that the list is still coming, and does not keep the others waiting', async () => {
    const slow = await createRig({ pypi: `${index.url}simple/`, pypiNames: true, deadline: 1_000 });
    index.on(/^\/simple\/$/, () => {});
    const answer = await slow.search('time');
    expect(reportOf(answer, 'pypi')).toMatchObject({ state: 'preparing' });
    expect(references(answer)).toContain('time');
    await slow.close();
  });

  it('is not asked for its list unless the setting wants it', async () => {
    const without = await createRig({ pypi: `${index.url}simple/` });
    const answer = await without.search('fetcher');
    expect(reportOf(answer, 'pypi')).toMatchObject({
      state: 'off',
      message: expect.stringMatching('search.pypiNames'),
    });
    expect(index.count(/^\/simple\/$/)).toBe(0);
    await without.close();
  });

  it('tells what was withdrawn, what it needs, where it was built and what it claims', async () => {
    index
      .on(
        /^\/simple\/mcp-tool\/$/,
        project(
          [
            file('mcp_tool-1.0-py3-none-any.whl', {
              'requires-python': '>=3.9',
              'upload-time': '2026-01-02T03:04:05Z',
              yanked: false,
              provenance: `${index.url}p`,
            }),
            file('mcp_tool-1.1-py3-none-any.whl', {
              'requires-python': '>=3.10',
              yanked: 'loses data',
              provenance: null,
            }),
            file('mcp-tool-1.1.tar.gz', { yanked: 'loses data', provenance: null }),
            file('mcp_tool-2.0.dev1-py3-none-any.whl', { yanked: false, provenance: null }),
          ],
          { 'project-status': { status: 'archived', reason: 'no longer kept' } },
        ),
      )
      .on(
        /^\/pypi\/mcp-tool\/json$/,
        info({
          version: '1.0',
          summary: 'A tool',
          author: 'Ann',
          requires_dist: ['mcp<2,>=1.2', 'httpx'],
          description: 'Text\n<!-- mcp-name: io.github.demo/mcp-tool -->\n',
          project_urls: { Source: 'https://git.example.test/tool', Docs: 'javascript:alert(1)' },
        }),
      );
    const found = await rig.read('pypi', 'mcp-tool');
    expect(found).toMatchObject({
      version: '1.0',
      published: '2026-01-02T03:04:05Z',
      engines: { python: '>=3.9' },
      dependencies: { mcp: '<2,>=1.2', httpx: '*' },
      provenance: 'yes',
      yanked: { state: 'no' },
      deprecated: { state: 'yes', message: 'no longer kept' },
      owner: { state: 'claimed', mcpName: 'io.github.demo/mcp-tool' },
      repository: 'https://git.example.test/tool',
      mcp: { verdict: 'yes' },
    });
    expect(found.versions.map(({ version, yanked, prerelease }) => [version, yanked, prerelease])).toEqual([
      ['2.0.dev1', undefined, true],
      ['1.1', 'loses data', false],
      ['1.0', undefined, false],
    ]);
    const withdrawn = await rig.read('pypi', 'mcp-tool', { version: '1.1' });
    expect(withdrawn).toMatchObject({
      yanked: { state: 'yes', reason: 'loses data' },
      provenance: 'unknown',
    });
    // What is known of one version is not said of another.
    expect(withdrawn).not.toHaveProperty('dependencies');
  });

  it('answers in HTML although JSON was asked for, and is read as what it is', async () => {
    const page = `<!DOCTYPE html><html><body><a href="x-1.0.tar.gz" data-requires-python="&gt;=3.8" data-yanked="bad">x-1.0.tar.gz</a>
      <a data-requires-python=">=3.9" href="x-2.0.tar.gz">x-2.0.tar.gz</a></body></html>`;
    index.on(/^\/simple\/x\/$/, text(page, 'text/html; charset=utf-8'));
    const found = await rig.read('pypi', 'x');
    expect(found.versions).toMatchObject([
      { version: '2.0', engines: { python: '>=3.9' } },
      { version: '1.0', engines: { python: '>=3.8' }, yanked: 'bad' },
    ]);
    index.on(/^\/simple\/y\/$/, text('{"files":[]}', 'text/plain'));
    await expect(rig.read('pypi', 'y')).rejects.toMatchObject({ details: { data: { reason: 'malformed' } } });
  });
});
