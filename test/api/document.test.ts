/** The OpenAPI document: valid, of every route and of no other, and the same for whoever asks. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { documentOf } from '../../src/api/document.ts';
import type { Installation } from '../../src/api/health-routes.ts';
import { PROBE_PATHS } from '../../src/metrics/probe-port.ts';
import { createFixture } from '../servers/doubles.ts';
import { type Json, operationsOf } from './contract.ts';

async function open() {
  const api = createApi({ ...(await createFixture()), installation: {} as Installation });
  const document = JSON.parse(JSON.stringify(documentOf(api))) as Json;
  return { api, document };
}

describe('the document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const { document } = await open();
    expect(document.openapi).toBe('3.1.0');
    const result = await new Validator().validate(document);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it('has every route that is served, and no other', async () => {
    const { api, document } = await open();
    const routes = api.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')}`);
    const described = operationsOf(document).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    const probes = PROBE_PATHS.map((path) => `GET ${path}`);
    expect(new Set(described)).toEqual(new Set([...routes, ...probes]));
    expect(described).toHaveLength(new Set(routes).size + probes.length);
  });

  it('refers to nothing that is not in it, and names each operation once', async () => {
    const { document } = await open();
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    const known = Object.keys(document.components.schemas);
    expect(references.filter((name) => !known.includes(name ?? ''))).toEqual([]);
    const ids = operationsOf(document).map(({ operation }) => operation.operationId);
    expect(ids).toHaveLength(new Set(ids).size);
    const tags = (document.tags as Json[]).map(({ name }) => name);
    expect(operationsOf(document).filter(({ operation }) => !tags.includes(operation.tags[0]))).toEqual([]);
  });

  it('is served, and says what can go wrong by code', async () => {
    const { api, document } = await open();
    const response = await api.request('http://127.0.0.1/api/v1/openapi.json');
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'application/json']);
    expect(await response.json()).toEqual(document);
    const { responses } = document.paths['/api/v1/servers'].post;
    const codes = (status: number): string[] =>
      responses[status].content['application/problem+json'].schema.allOf[1].properties.code.enum;
    expect(codes(400)).toEqual(expect.arrayContaining(['bad-input', 'parse-error']));
    expect(codes(409)).toEqual(expect.arrayContaining(['conflict', 'in-progress']));
  });
});
