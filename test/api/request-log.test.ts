import { expect, it } from 'vitest';
import { createRequestLog } from '../../src/api/request-log.ts';

it.each([
  ['POST', '/servers/{name}/mcp', 200, 'debug'],
  ['POST', '/groups/{name}/mcp', 200, 'debug'],
  ['POST', '/groups/{name}/mcp', 503, 'warn'],
  ['GET', '/api/v1/groups', 200, 'debug'],
  ['POST', '/api/v1/groups', 201, 'info'],
  ['DELETE', '/api/v1/servers/{name}', 204, 'info'],
  ['GET', '/api/v1/servers', 500, 'warn'],
])('a request %s %s that ended with %i is told at %s', (method, endpoint, status, level) => {
  const told: string[] = [];
  const log = Object.fromEntries(['debug', 'info', 'warn'].map((name) => [name, () => told.push(name)]));
  createRequestLog(log as never)({ method, endpoint, status, requestId: 'r', ms: 1 } as never);
  expect(told).toEqual([level]);
});
