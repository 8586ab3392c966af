import { describe, expect, it } from 'vitest';
import { createCors } from '../../src/auth/cors.ts';

const allowedOrigins = ['https://app.example'];
const preflightOf = (origin: string, method = 'OPTIONS') => ({
  method,
  headers: { origin, 'access-control-request-method': 'POST' },
});

describe('CORS', () => {
  const cors = createCors({ cors: true, allowedOrigins });

  it('lets pages of allowed origins read answers and the session id, never with browser credentials', () => {
    const fields = cors.headersFor('https://app.example');
    expect(fields).toMatchObject({ 'access-control-allow-origin': 'https://app.example', vary: 'Origin' });
    expect(fields?.['access-control-expose-headers']?.split(', ')).toEqual(
      expect.arrayContaining(['Mcp-Session-Id', 'ETag', 'Location', 'Retry-After']),
    );
    expect(fields).not.toHaveProperty('access-control-allow-credentials');
  });

  it('answers their preflights', () => {
    const fields = cors.preflight(preflightOf('https://app.example'));
    expect(fields?.['access-control-allow-methods']).toBe('GET, POST, PUT, DELETE');
    expect(fields?.['access-control-allow-headers']).toContain('Mcp-Session-Id');
  });

  it.each([
    'Mcp-Method',
    'Mcp-Name',
    'MCP-Protocol-Version',
    'Mcp-Session-Id',
    'Last-Event-ID',
    'Idempotency-Key',
    'If-Match',
    'If-None-Match',
    'Authorization',
  ])('lets them send %s', (name) => {
    const allowed = cors.preflight(preflightOf('https://app.example'))?.['access-control-allow-headers'];
    expect(allowed?.split(', ')).toContain(name);
  });

  describe('lets them send headers of parameters', () => {
    const allowed = (requested: string): string[] => {
      const { headers, method } = preflightOf('https://app.example');
      const fields = cors.preflight({
        method,
        headers: { ...headers, 'access-control-request-headers': requested },
      });
      const always = cors.preflight({ method, headers })?.['access-control-allow-headers']?.split(', ') ?? [];
      return fields?.['access-control-allow-headers']?.split(', ').slice(always.length) ?? [];
    };

    it('by the names that they ask for', () => {
      expect(allowed('content-type,mcp-param-region, Mcp-Param-Tenant_Id ,mcp-name')).toEqual([
        'mcp-param-region',
        'Mcp-Param-Tenant_Id',
      ]);
    });

    it('and says that the answer depends on them', () => {
      const { headers, method } = preflightOf('https://app.example');
      const asked = { ...headers, 'access-control-request-headers': 'mcp-param-a' };
      expect(cors.preflight({ method, headers: asked })?.vary).toBe('Origin, Access-Control-Request-Headers');
      expect(cors.preflight({ method, headers })?.vary).toBe('Origin');
    });

    it.each([
      'x-other',
      'mcp-param-',
      'mcp-parameter',
      'x-mcp-param-a',
      'mcp-param-a b',
      'mcp-param-ä',
      '*',
      ',',
    ])('and nothing else: %s', (name) => {
      expect(allowed(name)).toEqual([]);
    });

    it('and never more than a tool can have', () => {
      const names = Array.from({ length: 100 }, (_, at) => `mcp-param-${at}`);
      expect(allowed(names.join(','))).toEqual(names.slice(0, 64));
      expect(allowed(`${' '.repeat(5_000)}mcp-param-late`)).toEqual([]);
    });

    it('only where they are of an allowed origin', () => {
      const { headers } = preflightOf('https://evil.example');
      const asked = { ...headers, 'access-control-request-headers': 'mcp-param-a' };
      expect(cors.preflight({ method: 'OPTIONS', headers: asked })).toBeUndefined();
    });
  });

  it.each([undefined, 'null', 'https://evil.example', 'https://app.example.evil.example'])(
    'gives %s nothing',
    (origin) => {
      expect(cors.headersFor(origin)).toBeUndefined();
      if (origin !== undefined) expect(cors.preflight(preflightOf(origin))).toBeUndefined();
    },
  );

  it('takes other requests for no preflight', () => {
    expect(cors.preflight(preflightOf('https://app.example', 'POST'))).toBeUndefined();
    expect(cors.preflight({ method: 'OPTIONS', headers: { origin: 'https://app.example' } })).toBeUndefined();
  });

  it('gives nobody anything when it is off', () => {
    const off = createCors({ cors: false, allowedOrigins });
    expect(off.headersFor('https://app.example')).toBeUndefined();
    expect(off.preflight(preflightOf('https://app.example'))).toBeUndefined();
  });
});
