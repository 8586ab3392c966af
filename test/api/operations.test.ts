/**
 * Every operation of the document, carried out at least once through the client library that is generated from it: no route without a test,
 * no call that the API does not take as it is meant, no answer that is not in the document.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf } from '../../src/api/document.ts';
import { BerthClient } from '../../src/client/client.ts';
import { PLACES } from '../../src/client/generated/operations.ts';
import { createLog } from '../../src/log/log.ts';
import { LogBook } from '../../src/log/log-book.ts';
import { PROBE_PATHS } from '../../src/metrics/probe-port.ts';
import { fetchOf } from '../client/in-process.ts';
import { createRig } from '../discovery/rig.ts';
import { AnsweringServer, json } from '../support/answering-server.ts';
import { numbered, StandInMcpRegistry } from '../support/stand-in-mcp-registry.ts';
import { createApiClient } from './client.ts';
import { type Json, type Operation, operationsOf } from './contract.ts';
import { type Before, EXAMPLES, logins, OF_REGISTRIES, running } from './examples.ts';

/** The types of each have been looked at in its table. */
const ALL: Readonly<Record<string, readonly [request: string, input: object, before?: Before]>> = {
  ...EXAMPLES,
  ...OF_REGISTRIES,
};
/** For streams that tell only of what happens once they are there. */
const MEANWHILE: Readonly<Record<string, Before>> = { watchServers: running };

const operations = await (async () => {
  const { api } = await createApiClient();
  return operationsOf(JSON.parse(JSON.stringify(documentOf(api))));
})();
const ofDocument = new Map<string, Operation>(
  operations
    .filter(({ path }) => !PROBE_PATHS.some((probe) => probe === path))
    .map((one) => [String(one.operation.operationId), one]),
);

const NOTHING: Json = {};
/** What the document says of each answer when all went well. */
const goodAnswers = (id: string): Json[] =>
  Object.entries<Json>(ofDocument.get(id)?.operation.responses ?? {}).flatMap(([status, { content }]) =>
    status.startsWith('2') ? Object.values<Json>(content ?? { NOTHING }) : [],
  );
const CALLED = Object.keys(ALL).filter((id) => goodAnswers(id).some((answer) => !answer['x-item-schema']));
const STREAMED = Object.keys(ALL).filter((id) => goodAnswers(id).some((answer) => answer['x-item-schema']));

let npm: AnsweringServer;
let mcp: StandInMcpRegistry;
let rig: Awaited<ReturnType<typeof createRig>>;
beforeAll(async () => {
  npm = await new AnsweringServer().start();
  const version = { name: '@berth/mcp-a', version: '1.0.0', bin: 'x.js', license: 'MIT', keywords: ['mcp'] };
  npm.on(
    /^\/@berth(\/|%2f)mcp-a$/i,
    json({ name: version.name, 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }),
  );
  mcp = await new StandInMcpRegistry().start();
  mcp.put(numbered(1));
  rig = await createRig({ npm: npm.url, registries: [mcp.url], deadline: 5_000 });
});
afterAll(async () => {
  await rig.close();
  await npm.close();
  await mcp.close();
});

/** A client of an API where the example of the operation has what it needs. */
async function open(id: string) {
  const logBook = new LogBook();
  createLog({ level: 'info', destination: { write: () => {} }, book: logBook }).info('before');
  const world = await createApiClient({
    logins,
    logBook,
    ...(id in OF_REGISTRIES && { discovery: rig.discovery }),
  });
  const [request = '', input = {}, before] = ALL[id] ?? [];
  const made = (await before?.(world)) as Json | undefined;
  expect(made?.status ?? 200).toBeLessThan(300);
  const sent: Request[] = [];
  const answered = Promise.withResolvers<void>();
  const answer = fetchOf(world);
  const berth = new BerthClient({
    retries: 0,
    fetch: async (to, init) => {
      sent.push(new Request(to, init));
      return await answer(to, init).finally(answered.resolve);
    },
  });
  return { world, berth, request, input, sent, answered: answered.promise };
}

/** Method and path, as the examples write them. */
function wireOf({ method, url }: Request): string {
  const { pathname, search } = new URL(url);
  return `${method} ${pathname.replace(/^\/api\/v1/, '')}${search}`;
}

/** Parameters of the query that the document knows. */
function queryOf(id: string): string[] {
  const parameters: Json[] = ofDocument.get(id)?.operation.parameters ?? [];
  return parameters.filter((one) => one.in === 'query').map(({ name }) => name);
}

/** What is asked for when it is read as a stream: logs go on. */
function followed(id: string, request: string): string {
  if (!queryOf(id).includes('follow')) return request;
  const [place, query] = request.split('?');
  return `${place}?follow=true${query === undefined ? '' : `&${query}`}`;
}

describe('every operation', () => {
  it('is in the client library, and is called here', () => {
    const called = [...new Set([...CALLED, ...STREAMED])].sort();
    expect(called).toEqual(Object.keys(PLACES).sort());
    expect(called).toEqual([...ofDocument.keys()].sort());
  });

  it.each(CALLED)('%s answers as the document says', async (id) => {
    const { world, berth, request, input, sent } = await open(id);
    const answer: unknown = await berth.call(id as 'listServers', input);
    expect(sent.map(wireOf)).toEqual([request]);
    const known = queryOf(id);
    const given = [...new URL(sent[0]?.url ?? '').searchParams.keys()];
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
    expect(answer === undefined).toBe(goodAnswers(id).includes(NOTHING));
    expect(world.faults).toEqual([]);
  });

  it.each(STREAMED)('%s tells what happens as the document says', async (id) => {
    const { world, berth, request, input, sent, answered } = await open(id);
    const left = new AbortController();
    const items = berth.stream(id as 'watchServers', { ...input, signal: left.signal });
    const asked = async (): Promise<void> => {
      await answered;
      expect(sent.map(wireOf)).toEqual([followed(id, request)]);
      await MEANWHILE[id]?.(world);
    };
    const [first] = await Promise.all([items.next(), asked()]);
    expect(first).toEqual({ done: false, value: expect.any(Object) });
    left.abort();
    await items.return();
    expect(world.faults).toEqual([]);
  });

  it('is refused to who may only use servers where it changes something, and calls are not', async () => {
    const { json: ask, run, peer: server } = await createApiClient();
    await run('a');
    server.give('tools/call', { content: [] });
    const uses = ['callTool', 'getPrompt', 'readResource'];
    for (const { path, method, operation } of operations) {
      if (method === 'get' || uses.includes(operation.operationId)) continue;
      const concrete = path
        .replace('/api/v1', '')
        .replace('{name}', 'a')
        .replace(/\{\w+\}/g, 'x');
      const refused = await ask(method.toUpperCase(), concrete, { body: {}, as: 'use' });
      expect([operation.operationId, refused.status]).toEqual([operation.operationId, 403]);
    }
    expect((await ask('POST', '/servers/a/call', { body: { tool: 'x' }, as: 'use' })).status).toBe(200);
  });

  it('that goes on for a while says at last what came of it', async () => {
    const { berth } = await open('syncRegistry');
    const seen: unknown[] = [];
    for await (const line of berth.stream('syncRegistry', { params: { name: 'mcp-registry' } }))
      seen.push(line);
    expect(seen.at(-1)).toMatchObject({ type: 'done', total: 1 });
  });
});
