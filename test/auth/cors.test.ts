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
    expect(fields?.['access-control-expose-headers']).toContain('Mcp-Session-Id');
    expect(fields).not.toHaveProperty('access-control-allow-credentials');
  });

  it('answers their preflights', () => {
    const fields = cors.preflight(preflightOf('https://app.example'));
    expect(fields?.['access-control-allow-methods']).toBe('GET, POST, DELETE');
    expect(fields?.['access-control-allow-headers']).toContain('Mcp-Session-Id');
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
