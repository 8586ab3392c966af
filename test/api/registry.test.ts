/** The catalogue as an MCP registry, against the official registry's own schema. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createFixture } from '../servers/doubles.ts';
import { madeUp } from '../templates/support.ts';
import { underContract } from './contract.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at member by member
type Json = Record<string, any>;

const vendored = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/mcp-registry/${name}`, import.meta.url), 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema({ $id: 'api', ...vendored('api.schemas.json') });

function conforms(name: 'ServerList' | 'ServerResponse', value: unknown): void {
  const validate = ajv.getSchema(`api#/components/schemas/${name}`);
  expect(validate?.(value), JSON.stringify(validate?.errors)).toBe(true);
}

async function createRegistry() {
  const fixture = await createFixture();
  const api = underContract(createApi(fixture));
  const { templates } = fixture;
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await api.request(`http://127.0.0.1/v0.1${path}`, { headers });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  };
  return { api, templates, get };
}

const custom = (slug: string) => ({
  ...madeUp(slug),
  custom: { revision: 1, updatedAt: '2026-11-20T10:00:00.000Z' },
});

describe('GET /v0.1/servers', () => {
  it('has every template on its pages once, by name, as the official schema has it', async () => {
    const { get, templates } = await createRegistry();
    const names: string[] = [];
    for (let cursor = '', pages = 0; pages < 100; pages++) {
      const { body } = await get(`/servers?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`);
      conforms('ServerList', body);
      expect(body.metadata.count).toBe(body.servers.length);
      names.push(...body.servers.map(({ server }: Json) => server.name));
      cursor = body.metadata.nextCursor ?? '';
      if (cursor === '') break;
    }
    expect(names).toEqual(
      templates
        .list()
        .map(({ document }) => document.name)
        .sort(),
    );
  });

  it('goes on after an entry that has gone', async () => {
    const { get, templates } = await createRegistry();
    for (const slug of ['zz-a', 'zz-b', 'zz-c']) templates.put(custom(slug));
    const { body } = await get('/servers?search=zz-&limit=1');
    templates.remove('zz-a');
    const next = await get(`/servers?search=zz-&limit=5&cursor=${body.metadata.nextCursor}`);
    expect(next.body.servers.map(({ server }: Json) => server.name)).toEqual([
      'dev.berth.custom/zz-b',
      'dev.berth.custom/zz-c',
    ]);
  });

  it('searches by a part of name, title or description', async () => {
    const { get } = await createRegistry();
    const { body } = await get('/servers?search=TIME%20ZONES');
    expect(body.servers.map(({ server }: Json) => server.name)).toEqual(['dev.berth/time']);
  });

  it('tells what has changed since, and what has no day always', async () => {
    const { get, templates } = await createRegistry();
    templates.put(custom('zz-a'));
    const since = async (time: string) =>
      (await get(`/servers?limit=100&updated_since=${time}`)).body.servers.map(
        ({ server }: Json) => server.name,
      );
    expect(await since('2026-11-20T09:00:00Z')).toContain('dev.berth.custom/zz-a');
    const later = await since('2099-01-01T00:00:00Z');
    expect(later).not.toContain('dev.berth.custom/zz-a');
    expect(later).not.toContain('dev.berth/time');
    expect(later).toContain('dev.berth/linear');
  });

  it('knows the newest version of a server that has several', async () => {
    const { get, templates } = await createRegistry();
    const versioned = (slug: string, version: string) => {
      const template = custom(slug);
      return { ...template, document: { ...template.document, name: 'com.example/many', version } };
    };
    templates.put(versioned('zz-b', '1.10.0'));
    templates.put(versioned('zz-a', '1.9.0'));
    const all = await get('/servers?search=com.example/many');
    expect(all.body.servers.map(({ server }: Json) => server.version)).toEqual(['1.9.0', '1.10.0']);
    const latest = await get('/servers?search=com.example/many&version=latest');
    expect(latest.body.servers.map(({ server }: Json) => server.version)).toEqual(['1.10.0']);
    const versions = await get('/servers/com.example%2Fmany/versions');
    conforms('ServerList', versions.body);
    expect(versions.body.servers.map(({ server }: Json) => server.version)).toEqual(['1.10.0', '1.9.0']);
    const one = await get('/servers/com.example%2Fmany/versions/latest');
    conforms('ServerResponse', one.body);
    expect(one.body).toMatchObject({
      server: { version: '1.10.0' },
      _meta: { 'io.modelcontextprotocol.registry/official': { isLatest: true, status: 'active' } },
    });
    const older = await get('/servers/com.example%2Fmany/versions/1.9.0');
    expect(older.body._meta['io.modelcontextprotocol.registry/official'].isLatest).toBe(false);
  });

  it.each(['limit=0', 'limit=x', 'cursor=abc', 'updated_since=yesterday'])(
    'refuses ?%s in the shape of the registry',
    async (query) => {
      const { get } = await createRegistry();
      const answer = await get(`/servers?${query}`);
      expect(answer.status).toBe(400);
      expect(Object.keys(answer.body)).toEqual(['error']);
    },
  );
});

describe('the registry', () => {
  it('says of a deprecated server what to use', async () => {
    const { get } = await createRegistry();
    const { body } = await get('/servers/dev.berth%2Fgithub/versions/latest');
    expect(body._meta['io.modelcontextprotocol.registry/official']).toMatchObject({
      status: 'deprecated',
      statusMessage: expect.stringContaining('github-hosted'),
    });
  });

  it.each(['/servers/no.such%2Fserver/versions', '/servers/dev.berth%2Ftime/versions/0.0.1', '/nothing'])(
    'has no %s',
    async (path) => {
      const { get } = await createRegistry();
      const answer = await get(path);
      expect([answer.status, Object.keys(answer.body)]).toEqual([404, ['error']]);
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*');
    },
  );

  it('is read-only', async () => {
    const { api } = await createRegistry();
    for (const [method, path] of [
      ['POST', '/publish'],
      ['DELETE', '/servers/a%2Fb/versions/1'],
      ['PUT', '/servers'],
    ] as const) {
      const response = await api.request(`http://127.0.0.1/v0.1${path}`, { method });
      expect([response.status, await response.json()]).toEqual([
        501,
        { error: expect.stringContaining('read-only') },
      ]);
    }
  });

  it('is open to pages of every origin, which see nothing that people have added', async () => {
    const { get, templates } = await createRegistry();
    templates.put(custom('zz-a'));
    const names = async (headers: Record<string, string>) =>
      (await get('/servers?search=zz-a', headers)).body.servers.map(({ server }: Json) => server.name);
    expect(await names({})).toEqual(['dev.berth.custom/zz-a']);
    expect(await names({ Origin: 'https://page.example' })).toEqual([]);
    expect(await names({ Origin: 'https://page.example', Authorization: 'Bearer x' })).toEqual([
      'dev.berth.custom/zz-a',
    ]);
    const { headers } = await get('/servers', { Origin: 'https://page.example' });
    expect(headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(headers.get('Access-Control-Allow-Methods')).toBe('GET, OPTIONS');
    expect(headers.get('Access-Control-Allow-Headers')).toBe('Authorization, Content-Type');
  });
});
