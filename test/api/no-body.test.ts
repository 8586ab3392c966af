/** What is said in a body that an operation does not read is refused: it would be lost without a word. */
import { describe, expect, it } from 'vitest';
import { documentOf } from '../../src/api/document.ts';
import { createApiClient } from './client.ts';
import { type Json, operationsOf } from './contract.ts';

const { api } = await createApiClient();
const OPERATIONS = operationsOf(JSON.parse(JSON.stringify(documentOf(api))) as Json)
  .filter(({ method, operation, path }) => {
    return method !== 'get' && operation.requestBody === undefined && path.startsWith('/api/v1/');
  })
  .map(({ method, path }): [string, string] => [
    method.toUpperCase(),
    path.replace('/api/v1', '').replace(/\{\w+\}/g, 'everything'),
  ]);

async function running() {
  const client = await createApiClient();
  await client.run('everything');
  return client;
}

describe('a body', () => {
  it.each(OPERATIONS)('of %s %s is refused', async (method, path) => {
    const { json } = await running();
    expect(await json(method, path, { body: { force: true } })).toMatchObject({
      status: 400,
      body: { code: 'bad-input', detail: 'this request takes no body' },
    });
  });

  it('is looked for at every verb, and changes nothing when it is refused', async () => {
    expect(OPERATIONS).toEqual(
      expect.arrayContaining([
        ['POST', '/servers/everything/start'],
        ['POST', '/servers/everything/stop'],
        ['POST', '/servers/everything/restart'],
        ['DELETE', '/servers/everything'],
      ]),
    );
    const { json, host } = await running();
    const { body } = await json('POST', '/servers/everything/stop', { body: { force: true } });
    expect(body.hint).toBe('Say it in the query: ?force=….');
    expect(host.undefined).toEqual([]);
    const { status } = await json('POST', '/servers/everything/scale', {
      body: { replicas: 0, force: true },
    });
    expect(status).toBe(400);
    expect(host.undefined).toEqual([]);
  });

  it('that says nothing is none', async () => {
    const { json } = await running();
    expect(await json('POST', '/servers/everything/stop', { body: {} })).toMatchObject({ status: 200 });
  });
});
