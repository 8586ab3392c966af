/** Requests that nobody would send: each is answered as the document says, and none with a fault of Berth. */
import fc, { type Arbitrary } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf } from '../../src/api/document.ts';
import { PROBE_PATHS } from '../../src/metrics/probe-port.ts';
import { nastyText, nonsense, someOf } from './arbitrary.ts';
import { createApiClient, type Sent, type TestApi } from './client.ts';
import { type Json, type Operation, operationsOf } from './contract.ts';

const RUNS = 30;
const SEED = 20261126;

const document = JSON.parse(JSON.stringify(documentOf((await createApiClient()).api))) as Json;
const operations = operationsOf(document).filter(({ path }) => !PROBE_PATHS.some((probe) => probe === path));

let client: TestApi;
beforeAll(async () => {
  client = await createApiClient();
  await client.run('a');
  await client.json('POST', '/templates', { body: { slug: 'own', source: { npm: { name: 'own-mcp' } } } });
  client.peer.give('tools/call', { content: [] });
});
afterAll(() => client.manager.close());

/** Names that are there, and others. */
const NAMES: Arbitrary<string> = fc.oneof(
  fc.constantFrom('a', 'own', 'time', 'npm', 'latest', 'one').map(encodeURIComponent),
  nastyText.filter((text) => text.isWellFormed()).map(encodeURIComponent),
  fc.constantFrom('%', '%zz', '%00', '..%2f..', '%2e%2e', ';', 'a;b=c', '*'),
);
/** Without what would leave the field of a header. */
const headerText = nastyText.map((text) => text.replace(/[^\x20-\x7e]/g, '').trim());

interface Made {
  readonly path: string;
  readonly sent: Sent;
}

function requestOf({ path, operation }: Operation): Arbitrary<Made> {
  const parameters: Json[] = operation.parameters ?? [];
  const some = (place: string, value: (schema: Json) => Arbitrary<unknown>): Arbitrary<[string, unknown][]> =>
    fc.tuple(
      ...parameters
        .filter((one) => one.in === place && one.name !== 'X-Berth-Request')
        .map(({ name, schema }) =>
          fc
            .option(value(schema), { nil: undefined, freq: 2 })
            .map((given): [string, unknown] => [name, given]),
        ),
    );
  const query = some('query', (schema) => fc.oneof(someOf(schema, document), nastyText));
  const headers = some('header', () => headerText);
  const names = fc.array(NAMES, { minLength: 3, maxLength: 3 });
  return fc.tuple(names, query, headers, bodyOf(operation)).map(([given, searched, headed, body]) => ({
    path: toPath(path, given) + toQuery(searched),
    sent: { ...(body !== undefined && { body }), headers: toHeaders(headed) },
  }));
}

function bodyOf({ requestBody }: Json): Arbitrary<unknown> {
  const schema = requestBody?.content['application/json'].schema;
  if (!schema) return fc.constant(undefined);
  const allowed = someOf(schema, document);
  return fc.oneof(
    { arbitrary: allowed, weight: 6 },
    { arbitrary: nonsense, weight: 2 },
    // Text that is JSON or is not.
    {
      arbitrary: fc.tuple(allowed, fc.nat(40)).map(([value, cut]) => JSON.stringify(value).slice(0, cut)),
      weight: 1,
    },
  );
}

function toPath(path: string, names: readonly string[]): string {
  let next = 0;
  return path.replace('/api/v1', '').replace(/\{\w+\}/g, () => names[next++] || 'x');
}

function toQuery(given: readonly [string, unknown][]): string {
  const query = new URLSearchParams();
  for (const [name, value] of given)
    for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one));
  return query.size > 0 ? `?${query}` : '';
}

function toHeaders(given: readonly [string, unknown][]): Record<string, string> {
  return Object.fromEntries(given.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

describe('made-up requests', () => {
  it.each(operations.map((one) => [String(one.operation.operationId), one] as const))(
    '%s',
    async (_id, operation) => {
      await fc.assert(
        fc.asyncProperty(requestOf(operation), async ({ path, sent }) => {
          const response = await client.send(operation.method.toUpperCase(), path, sent);
          const type = response.headers.get('Content-Type') ?? '';
          if (/event-stream|ndjson/.test(type)) await response.body?.cancel();
          const faults = client.faults.splice(0);
          expect(response.status, faults.join('; ')).not.toBe(500);
        }),
        { seed: SEED, numRuns: RUNS },
      );
    },
    60_000,
  );
});
