/** The catalogue over HTTP, with templates of one's own. */
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { checkTemplateRights } from '../../src/servers/template-gate.ts';
import { SqliteTemplateStore } from '../../src/store/template-store.ts';
import { CustomTemplates } from '../../src/templates/custom-templates.ts';
import { createFixture } from '../servers/doubles.ts';
import { underContract } from './contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

const own = {
  slug: 'own',
  source: { npm: { name: 'own-mcp', version: '1.0.0' } },
  category: 'mine',
  tags: ['zebra'],
};

async function createClient() {
  const fixture = await createFixture();
  const custom = new CustomTemplates({
    catalogue: fixture.templates,
    store: new SqliteTemplateStore(':memory:'),
    permit: (template) =>
      checkTemplateRights(template, {
        allow: { npm: true, pypi: false, remote: true },
        remote: createRemotePolicy([]),
      }),
  });
  const api = underContract(createApi({ ...fixture, custom }));
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await api.request(`http://127.0.0.1/api/v1${path}`, {
      method,
      headers: body === undefined ? { 'X-Berth-Request': '1' } : { 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as Json,
      headers: response.headers,
    };
  };
  const slugs = async (query: string) =>
    ((await send('GET', `/templates${query}`)).body.templates as Json[]).map(({ slug }) => slug);
  return { ...fixture, api, send, slugs };
}

describe('GET /api/v1/templates', () => {
  it.each([
    ['?category=reasoning', ['sequential-thinking']],
    ['?type=oci', ['archon-core']],
    ['?tag=jira&tag=timezone', ['atlassian', 'atlassian-hosted', 'time']],
    ['?tag=jira,timezone&type=pypi', ['atlassian', 'time']],
    ['?status=deprecated', ['github']],
    ['?capability=convert_time', ['time']],
    ['?package=@playwright/mcp', ['playwright']],
    ['?origin=custom', []],
    ['?type=oci&verified=true', []],
  ])('%s', async (query, expected) => {
    expect(await (await createClient()).slugs(query)).toEqual(expected);
  });

  it('pages, with the total and the categories', async () => {
    const { send, templates } = await createClient();
    const { body } = await send('GET', '/templates?limit=2&offset=1');
    expect(body.templates).toHaveLength(2);
    expect(body.total).toBe(templates.size);
    expect(body.categories).toContainEqual({ name: 'reasoning', count: 1 });
    expect((await send('GET', '/templates?limit=x')).status).toBe(400);
  });

  it('searches, best first, within the filters', async () => {
    const { slugs } = await createClient();
    expect(
      (await slugs('?q=search%20the%20web'))
        .slice(0, 3)
        .some((slug) => ['exa', 'tavily', 'brave-search'].includes(slug)),
    ).toBe(true);
    expect((await slugs('?q=jira&type=remote'))[0]).toBe('atlassian-hosted');
    expect(await slugs('?q=qqqqqqqq')).toEqual([]);
  });

  it.each(['?tier=best', '?status=on', '?verified=maybe', '?origin=mine'])('refuses %s', async (query) => {
    const { send } = await createClient();
    expect(await send('GET', `/templates${query}`)).toMatchObject({
      status: 400,
      body: { code: 'bad-input' },
    });
  });

  it('says what became of a package that lists still carry', async () => {
    const { send } = await createClient();
    const { body } = await send('GET', '/templates?package=@modelcontextprotocol/server-postgres');
    expect(body).toMatchObject({
      total: 0,
      renamed: expect.stringContaining('use postgres or dbhub instead'),
    });
  });

  it('tells of each whether it has been seen to work, and why not', async () => {
    const { send } = await createClient();
    const { body } = await send('GET', '/templates?limit=1000');
    for (const { slug, verified, reason } of body.templates as Json[])
      expect(verified === true || (typeof reason === 'string' && reason !== ''), slug).toBe(true);
    expect((await send('GET', '/templates/linear')).body).toMatchObject({
      verified: false,
      reason: expect.any(String),
      remote: { url: 'https://mcp.linear.app/mcp' },
      variables: [{ name: 'LINEAR_API_KEY', required: true, secret: true }],
    });
  });

  it('shows one with its command, its tools and its document', async () => {
    const { send } = await createClient();
    expect((await send('GET', '/templates/time')).body).toMatchObject({
      install: expect.stringMatching(/^uvx mcp-server-time@/),
      tools: [{ name: 'get_current_time' }, { name: 'convert_time' }],
      server: { name: 'dev.berth/time' },
    });
  });
});

describe('GET /api/v1/catalogue', () => {
  it('has categories, statistics, renames and what is popular', async () => {
    const { send, templates } = await createClient();
    expect((await send('GET', '/catalogue/categories')).body.categories).toContainEqual({
      name: 'search',
      count: expect.any(Number),
    });
    expect((await send('GET', '/catalogue/statistics')).body).toMatchObject({
      templates: templates.size,
      custom: 0,
    });
    expect((await send('GET', '/catalogue/renames')).body.renames).toContainEqual(
      expect.objectContaining({ name: '@modelcontextprotocol/server-slack', use: ['slack'] }),
    );
    const popular = await send('GET', '/catalogue/popular?limit=2');
    expect(popular.body.templates.map(({ slug }: Json) => slug)).toEqual(['filesystem', 'github-hosted']);
  });

  it('exports what is asked for, in two forms', async () => {
    const { send } = await createClient();
    const { body } = await send('GET', '/catalogue/export?slug=time&slug=git');
    expect(body).toMatchObject({ version: '1.0', templates: [{ slug: 'time' }, { slug: 'git' }] });
    const registry = await send('GET', '/catalogue/export?format=registry&category=reasoning');
    expect(registry.body).toMatchObject({
      servers: [{ server: { name: 'dev.berth/sequential-thinking' } }],
      metadata: { count: 1 },
    });
    expect((await send('GET', '/catalogue/export?slug=nobody')).status).toBe(404);
    expect((await send('GET', '/catalogue/export?format=xml')).status).toBe(400);
  });
});

describe('templates of one’s own', () => {
  it('are added, found, replaced, run and taken back', async () => {
    const { send, slugs, packages } = await createClient();
    const made = await send('POST', '/templates', own);
    expect(made).toMatchObject({
      status: 201,
      body: { slug: 'own', origin: 'custom', revision: 1, verified: false },
    });
    expect(made.headers.get('Location')).toBe('/api/v1/templates/own');
    expect(await slugs('?q=zebra')).toEqual(['own']);
    expect(await slugs('?category=mine')).toEqual(['own']);
    expect((await send('POST', '/templates', own)).status).toBe(409);
    const newer = { ...own, source: { npm: { name: 'own-mcp', version: '1.1.0' } } };
    expect(await send('PUT', '/templates/own', newer)).toMatchObject({
      status: 200,
      body: { revision: 2, version: '1.1.0' },
    });
    expect((await send('PUT', '/templates/other', newer)).status).toBe(400);
    const server = await send('POST', '/servers?wait=ready', { template: 'own' });
    expect(server).toMatchObject({
      status: 201,
      body: { name: 'own', status: { package: { name: 'own-mcp' } } },
    });
    expect(packages.resolved).toMatchObject([{ name: 'own-mcp', version: '1.1.0' }]);
    expect((await send('DELETE', '/templates/own')).status).toBe(204);
    expect((await send('GET', '/templates/own')).status).toBe(404);
    // What was made of it goes on.
    expect((await send('GET', '/servers/own')).body.status.state).toBe('running');
    const { history } = (await send('GET', '/templates/own/history')).body;
    expect(history.map(({ revision, change }: Json) => [revision, change])).toEqual([
      [3, 'removed'],
      [2, 'replaced'],
      [1, 'registered'],
    ]);
    expect(history[2].server.packages[0].version).toBe('1.0.0');
  });

  it('are made of another one', async () => {
    const { send } = await createClient();
    const body = { slug: 'my-brave', server: { title: 'My search' } };
    expect(await send('POST', '/templates/brave-search/merge?dryRun=true', body)).toMatchObject({
      status: 200,
      body: { slug: 'my-brave', title: 'My search', package: { name: '@brave/brave-search-mcp-server' } },
    });
    expect((await send('GET', '/templates/my-brave')).status).toBe(404);
    expect((await send('POST', '/templates/brave-search/merge', body)).status).toBe(201);
    expect((await send('GET', '/templates/my-brave')).body).toMatchObject({
      origin: 'custom',
      category: 'search',
    });
    expect((await send('POST', '/templates/nobody/merge', body)).status).toBe(404);
    expect((await send('POST', '/templates/time/merge', { slug: 'NO' })).status).toBe(400);
  });

  it.each([
    ['no document', { a: 1 }, 400],
    ['a closed gate', { ...own, source: { pypi: { name: 'x' } } }, 403],
    ['a variable that loaders obey', { ...own, env: ['LD_PRELOAD'] }, 400],
    ['a taken name', { ...own, slug: 'time' }, 409],
  ])('are refused for %s, and nothing is kept', async (_what, body, status) => {
    const { send } = await createClient();
    expect((await send('POST', '/templates', body)).status).toBe(status);
    expect((await send('GET', '/catalogue/statistics')).body.custom).toBe(0);
  });

  it('are checked without being kept', async () => {
    const { send } = await createClient();
    expect((await send('POST', '/catalogue/validate', own)).body).toEqual({
      valid: true,
      slug: 'own',
      taken: false,
    });
    expect((await send('POST', '/catalogue/validate', { ...own, slug: 'time' })).body).toMatchObject({
      valid: true,
      taken: true,
    });
    expect(
      (await send('POST', '/catalogue/validate', { name: 'x', description: '', version: '^1' })).body,
    ).toMatchObject({
      valid: false,
      code: 'bad-input',
      errors: expect.arrayContaining([expect.objectContaining({ pointer: '/version' })]),
    });
    expect(
      (await send('POST', '/catalogue/validate', { ...own, source: { pypi: { name: 'x' } } })).body,
    ).toMatchObject({ valid: false, code: 'not-allowed' });
    expect((await send('GET', '/catalogue/statistics')).body.custom).toBe(0);
  });

  it('are imported from a file, but for what is wrong in it', async () => {
    const { send, slugs } = await createClient();
    const file = {
      version: '1.0',
      templates: [own, { name: 'bad' }, { ...own, slug: 'time' }, { ...own, slug: 'own-2' }],
    };
    expect((await send('POST', '/catalogue/import', file)).body).toMatchObject({
      imported: ['own', 'own-2'],
      skipped: [
        { index: 1, name: 'bad', code: 'bad-input' },
        { name: 'time', code: 'conflict' },
      ],
    });
    expect((await send('POST', '/catalogue/import', { templates: [own] })).body).toMatchObject({
      imported: [],
      skipped: [{ name: 'own', code: 'conflict' }],
    });
    expect((await send('POST', '/catalogue/import?replace=true', { templates: [own] })).body).toMatchObject({
      imported: ['own'],
    });
    expect(await slugs('?origin=custom')).toEqual(['own', 'own-2']);
    const exported = (await send('GET', '/catalogue/export?origin=custom')).body;
    await send('DELETE', '/templates/own');
    await send('DELETE', '/templates/own-2');
    expect((await send('POST', '/catalogue/import', exported)).body).toMatchObject({
      imported: ['own', 'own-2'],
      skipped: [],
    });
  });

  it('cannot change what comes with Berth', async () => {
    const { send } = await createClient();
    expect((await send('DELETE', '/templates/time')).status).toBe(409);
    expect((await send('PUT', '/templates/time', { ...own, slug: 'time' })).status).toBe(409);
  });
});
