import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createRig } from '../discovery/rig.ts';
import { createFixture } from '../servers/doubles.ts';
import { AnsweringServer, json } from '../support/answering-server.ts';
import { underContract } from './contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

let npm: AnsweringServer;
let rig: Awaited<ReturnType<typeof createRig>>;
let get: (path: string) => Promise<{ status: number; type: string | null; body: Json }>;

const HITS = ['mcp-a', 'mcp-b', '@corp/mcp-c'].map((name, at) => ({
  package: { name, version: `1.0.${at}`, description: 'Sends mail', keywords: ['mcp'] },
  downloads: { monthly: 10 * at },
}));

beforeAll(async () => {
  npm = await new AnsweringServer().start();
  npm.on(/^\/-\/v1\/search/, json({ objects: HITS }));
  const versions = { '1.0.0': {}, '1.1.0': { dependencies: { '@modelcontextprotocol/sdk': '^1' } } };
  for (const name of ['mcp-a', '@corp/mcp-c'])
    npm.on(
      new RegExp(`^/${name}$`),
      json({
        name,
        'dist-tags': { latest: '1.1.0' },
        versions: Object.fromEntries(
          Object.entries(versions).map(([version, more]) => [
            version,
            { name, version, bin: 'x.js', ...more },
          ]),
        ),
      }),
    );
  rig = await createRig({ npm: npm.url, deadline: 5_000 });
  const api = underContract(createApi({ ...(await createFixture()), discovery: rig.discovery }));
  get = async (path) => {
    const response = await api.request(`http://127.0.0.1${path}`);
    const text = await response.text();
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: text === '' ? {} : (JSON.parse(text) as Json),
    };
  };
});

afterAll(async () => {
  await rig.close();
  await npm.close();
});

describe('GET /api/v1/search', () => {
  it('answers with one list, each place beside its failure', async () => {
    const { status, body } = await get('/api/v1/search?q=mail');
    expect([status, body.query, body.total]).toEqual([200, 'mail', 3]);
    expect(body.results.map((one: Json) => one.reference)).toEqual([
      'npm:@corp/mcp-c',
      'npm:mcp-b',
      'npm:mcp-a',
    ]);
    expect(body.providers.map((one: Json) => [one.name, one.state])).toEqual([
      ['templates', 'ok'],
      ['npm', 'ok'],
      ['pypi', 'off'],
      ['exact', 'ok'],
    ]);
    // npm has no such package; the Python index could not be asked.
    expect(body.providers[3].failure).toMatchObject({ code: 'registry-failed' });
  });

  it('pages, and asks only whom it should', async () => {
    const page = await get('/api/v1/search?q=mail&limit=1&offset=1&provider=npm');
    expect(page.body).toMatchObject({ total: 3, results: [{ reference: 'npm:mcp-b' }] });
    expect(page.body.providers).toHaveLength(1);
  });

  it.each([
    ['?q=mail&limit=251', '?limit'],
    ['?q=mail&limit=x', '?limit'],
    ['?q=mail&all=maybe', '?all'],
    ['?q=mail&provider=yellow-pages', '?provider'],
    [`?q=${'x'.repeat(201)}`, '?q'],
  ])('refuses %s by naming %s', async (query, pointer) => {
    const { status, type, body } = await get(`/api/v1/search${query}`);
    expect([status, type, body.code, body.errors[0].pointer]).toEqual([
      400,
      'application/problem+json',
      'bad-input',
      pointer,
    ]);
  });

  it('tells its places and what they can, and counts what was searched', async () => {
    const { body } = await get('/api/v1/search/providers');
    expect(body.providers.map((one: Json) => one.name)).toEqual(['templates', 'npm', 'pypi', 'exact']);
    expect(body.providers[1].capabilities).toMatchObject({ search: true, signatures: 'unknown' });
    expect(body.ecosystems).toMatchObject({ npm: 'npm', pip: 'pypi', uv: 'pypi' });
    const counted = (await get('/api/v1/search/statistics')).body;
    const ofNpm = counted.providers.find((one: Json) => one.name === 'npm');
    expect(ofNpm).toMatchObject({ failures: 0, found: ofNpm.searches * 3 });
    expect(counted.providers.find((one: Json) => one.name === 'exact').failures).toBeGreaterThan(0);
    expect(counted.popular.npm[0]).toEqual({ name: '@corp/mcp-c', downloads: 20 });
    expect(counted.categories.search).toBeGreaterThan(0);
  });
});

describe('GET /api/v1/packages/{ecosystem}/{name}', () => {
  it.each(['@corp/mcp-c', '%40corp%2Fmcp-c'])('takes %s for a name', async (name) => {
    const { status, body } = await get(`/api/v1/packages/npm/${name}`);
    expect([status, body.name, body.version]).toEqual([200, '@corp/mcp-c', '1.1.0']);
    const versions = (await get(`/api/v1/packages/npm/${name}/versions?limit=1`)).body;
    expect(versions).toMatchObject({ total: 2, versions: [{ version: '1.1.0' }], tags: { latest: '1.1.0' } });
  });

  it('tells the dependencies of a version', async () => {
    expect((await get('/api/v1/packages/npm/mcp-a/dependencies')).body).toEqual({
      version: '1.1.0',
      dependencies: { '@modelcontextprotocol/sdk': '^1' },
    });
    expect((await get('/api/v1/packages/npm/mcp-a/dependencies?version=1.0.0')).body).toEqual({
      version: '1.0.0',
      dependencies: {},
    });
  });

  it('answers 404 for what is not there, 400 for what is no name, 502 when the registry fails', async () => {
    expect(await get('/api/v1/packages/npm/mcp-zzz')).toMatchObject({
      status: 404,
      body: { code: 'not-found' },
    });
    expect(await get('/api/v1/packages/cargo/x')).toMatchObject({ status: 404, body: { code: 'not-found' } });
    expect(await get('/api/v1/packages/npm/..%2f..%2fx')).toMatchObject({
      status: 400,
      body: { code: 'bad-input' },
    });
    expect(await get('/api/v1/packages/npm/mcp-a?version=1%0a')).toMatchObject({ status: 400 });
    expect(await get('/api/v1/packages/pip/x')).toMatchObject({
      status: 502,
      body: { code: 'registry-failed', reason: 'down' },
    });
  });
});
