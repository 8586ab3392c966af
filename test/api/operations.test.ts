/** Every operation of the document, carried out at least once with what it promises: no route without a test, no answer that is not in it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf } from '../../src/api/document.ts';
import type { Logins } from '../../src/logins/logins.ts';
import { PROBE_PATHS } from '../../src/metrics/probe-port.ts';
import { createRig } from '../discovery/rig.ts';
import { sessionReport } from '../servers/doubles.ts';
import { AnsweringServer, json } from '../support/answering-server.ts';
import { numbered, StandInMcpRegistry } from '../support/stand-in-mcp-registry.ts';
import { createApiClient, type Sent, type TestApi } from './client.ts';
import { type Json, operationsOf } from './contract.ts';

const OWN = { slug: 'own', source: { npm: { name: 'own-mcp', version: '1.0.0' } } };
const VERSION = 'latest';
const REGISTRY_NAME = encodeURIComponent('dev.berth/time');

/** What has to be there first, and the request: method, path, what is sent. */
type Example = readonly [
  method: string,
  path: string,
  sent?: Sent,
  before?: (api: TestApi) => Promise<unknown>,
];

const running = (api: TestApi) => api.run('a');
const own = (api: TestApi) => api.json('POST', '/templates', { body: OWN });
const GROUP = { name: 'g', servers: ['a'] };
const group = async (api: TestApi) => {
  await running(api);
  return await api.json('POST', '/groups', { body: GROUP });
};
const secret = (api: TestApi) => api.json('PUT', '/secrets/KEY', { body: { value: 'x' } });
const remote = (api: TestApi) =>
  api.run('a', { template: undefined, source: { remote: { url: 'https://mcp.example.com/mcp' } } });

/** What the gateway's logins are is tested where they are; here it is what the API says of them. */
const LOGIN = { issuer: 'https://id.example.com', expiresAt: '2026-11-26T00:00:00.000Z', renewable: true };
const logins = {
  begin: async () => ({
    login: 'one',
    authorizationUrl: 'https://id.example.com/authorize?state=x',
    expiresAt: LOGIN.expiresAt,
  }),
  finish: async () => LOGIN,
  info: () => LOGIN,
  logout: async () => true,
} as unknown as Logins;

const peer = (method: string, result: Record<string, unknown>) => async (api: TestApi) =>
  api.peer.give(method, result);

const EXAMPLES: Readonly<Record<string, Example>> = {
  createServer: ['POST', '/servers?wait=ready', { body: { template: 'time' } }],
  listServers: ['GET', '/servers', {}, running],
  getServer: ['GET', '/servers/a', {}, running],
  deleteServer: ['DELETE', '/servers/a', {}, running],
  checkServer: ['GET', '/servers/a/health', {}, running],
  listChecks: ['GET', '/servers/a/checks', {}, running],
  startServer: ['POST', '/servers/a/start', {}, running],
  stopServer: ['POST', '/servers/a/stop', {}, running],
  restartServer: ['POST', '/servers/a/restart', {}, running],
  scaleServer: ['POST', '/servers/a/scale', { body: { replicas: 0 } }, running],
  readLog: [
    'GET',
    '/servers/a/logs',
    {},
    async (api) => {
      await running(api);
      api.host.write(api.manager.get('a').id, 'hello');
    },
  ],
  readGatewayLog: ['GET', '/logs'],
  clearGatewayLog: ['DELETE', '/logs'],
  readServerEvents: ['GET', '/servers/a/events', {}, running],
  watchServers: ['GET', '/events', { headers: { Accept: 'text/event-stream' } }],
  listSessions: [
    'GET',
    '/servers/a/sessions',
    {},
    async (api) => {
      await running(api);
      api.host.open.set(api.manager.get('a').id, [sessionReport('one')]);
    },
  ],
  endSession: [
    'DELETE',
    '/servers/a/sessions/one',
    {},
    async (api) => {
      await running(api);
      api.host.open.set(api.manager.get('a').id, [sessionReport('one')]);
    },
  ],
  endSessions: ['DELETE', '/servers/a/sessions', {}, running],
  readUsage: [
    'GET',
    '/servers/a/usage',
    {},
    async (api) => {
      await running(api);
      const used = { sessions: 1, calls: 2, failedCalls: 0, bytesToServer: 3, bytesFromServer: 4 };
      api.host.used.set(api.manager.get('a').id, used);
    },
  ],
  'list-tools': ['GET', '/servers/a/tools', {}, peer('tools/list', { tools: [{ name: 'echo' }] })],
  'list-prompts': ['GET', '/servers/a/prompts', {}, peer('prompts/list', { prompts: [{ name: 'p' }] })],
  'list-resources': ['GET', '/servers/a/resources', {}, peer('resources/list', { resources: [] })],
  'list-resource-templates': [
    'GET',
    '/servers/a/resource-templates',
    {},
    peer('resources/templates/list', { resourceTemplates: [] }),
  ],
  callTool: ['POST', '/servers/a/call', { body: { tool: 'echo' } }, peer('tools/call', { content: [] })],
  getPrompt: ['POST', '/servers/a/prompt', { body: { prompt: 'p' } }, peer('prompts/get', { messages: [] })],
  readResource: [
    'POST',
    '/servers/a/read',
    { body: { uri: 'x:/y' } },
    peer('resources/read', { contents: [] }),
  ],
  listClients: ['GET', '/clients'],
  configureClient: ['GET', '/servers/a/clients/claude-code', {}, running],
  configureClientForGroup: ['GET', '/groups/g/clients/cursor', {}, group],
  listGroups: ['GET', '/groups', {}, group],
  getGroup: ['GET', '/groups/g', {}, group],
  listGroupTools: ['GET', '/groups/g/tools', {}, group],
  createGroup: ['POST', '/groups', { body: GROUP }, running],
  replaceGroup: ['PUT', '/groups/g', { body: GROUP }, group],
  deleteGroup: ['DELETE', '/groups/g', {}, group],
  inspectPackage: ['POST', '/inspect', { body: { source: { npm: { name: 'some-server' } } } }],
  listSecrets: ['GET', '/secrets', {}, secret],
  keepSecret: ['PUT', '/secrets/KEY', { body: { value: 'x' } }],
  deleteSecret: ['DELETE', '/secrets/KEY', {}, secret],
  beginLogin: ['POST', '/servers/a/login', { body: { redirectUri: 'http://127.0.0.1:1/' } }, remote],
  finishLogin: ['POST', '/servers/a/login/one', { body: { callback: 'http://127.0.0.1:1/?code=x' } }, remote],
  getLogin: ['GET', '/servers/a/login', {}, remote],
  endLogin: ['DELETE', '/servers/a/login', {}, remote],
  listTemplates: ['GET', '/templates?limit=1000'],
  getTemplate: ['GET', '/templates/time'],
  createTemplate: ['POST', '/templates', { body: OWN }],
  replaceTemplate: ['PUT', '/templates/own', { body: OWN }, own],
  deleteTemplate: ['DELETE', '/templates/own', {}, own],
  mergeTemplate: ['POST', '/templates/time/merge', { body: { slug: 'mine' } }],
  readHistory: ['GET', '/templates/own/history', {}, own],
  listCategories: ['GET', '/catalogue/categories'],
  readStatistics: ['GET', '/catalogue/statistics'],
  listRenames: ['GET', '/catalogue/renames'],
  listPopular: ['GET', '/catalogue/popular'],
  exportTemplates: ['GET', '/catalogue/export'],
  importTemplates: ['POST', '/catalogue/import', { body: { templates: [OWN, {}] } }],
  validateTemplate: ['POST', '/catalogue/validate', { body: OWN }],
  search: ['GET', '/search?q=time&provider=templates'],
  listProviders: ['GET', '/search/providers'],
  readSearchStatistics: ['GET', '/search/statistics', {}, (api) => api.json('GET', '/search?q=time')],
  readSettings: ['GET', '/settings'],
  readHealth: ['GET', '/health', {}, running],
  readDocument: ['GET', '/openapi.json'],
  listRegistry: ['GET', '/v0.1/servers?limit=100'],
  listRegistryVersions: ['GET', `/v0.1/servers/${REGISTRY_NAME}/versions`],
  getRegistryVersion: ['GET', `/v0.1/servers/${REGISTRY_NAME}/versions/${VERSION}`],
};

/** Those that need a registry. */
const OF_REGISTRIES: Readonly<Record<string, readonly [method: string, path: string]>> = {
  readPackage: ['GET', '/packages/npm/mcp-a'],
  listVersions: ['GET', '/packages/npm/mcp-a/versions'],
  listDependencies: ['GET', '/packages/npm/mcp-a/dependencies'],
  listRegistries: ['GET', '/search/registries'],
  syncRegistry: ['POST', '/search/registries/mcp-registry/sync'],
};

const operations = await (async () => {
  const { api } = await createApiClient();
  return operationsOf(JSON.parse(JSON.stringify(documentOf(api))));
})();
const ids = operations
  .filter(({ path }) => !PROBE_PATHS.some((probe) => probe === path))
  .map(({ operation }) => String(operation.operationId));

describe('every operation', () => {
  it('has an example here', () => {
    expect(Object.keys({ ...EXAMPLES, ...OF_REGISTRIES }).sort()).toEqual(ids.sort());
  });

  it.each(Object.entries(EXAMPLES))('%s answers as the document says', async (id, example) => {
    const [method, path, sent, before] = example;
    const client = await createApiClient({ logins });
    const made: Json | undefined = (await before?.(client)) as Json | undefined;
    expect(made?.status ?? 200).toBeLessThan(300);
    const response = await client.send(method, path, sent);
    expect(response.status, id).toBeLessThan(300);
    const [found] = operations.filter(({ operation }) => operation.operationId === id);
    expect(found?.method.toUpperCase()).toBe(method);
    expect(Object.keys(found?.operation.responses)).toContain(String(response.status));
    if (response.headers.get('Content-Type') === 'text/event-stream') await response.body?.cancel();
    else await response.text();
    expect(client.faults).toEqual([]);
  });

  it('is refused to who may only use servers where it changes something, and calls are not', async () => {
    const { json, run, peer: server } = await createApiClient();
    await run('a');
    server.give('tools/call', { content: [] });
    const uses = ['callTool', 'getPrompt', 'readResource'];
    for (const { path, method, operation } of operations) {
      if (method === 'get' || uses.includes(operation.operationId)) continue;
      const concrete = path
        .replace('/api/v1', '')
        .replace('{name}', 'a')
        .replace(/\{\w+\}/g, 'x');
      const refused = await json(method.toUpperCase(), concrete, { body: {}, as: 'use' });
      expect([operation.operationId, refused.status]).toEqual([operation.operationId, 403]);
    }
    expect((await json('POST', '/servers/a/call', { body: { tool: 'x' }, as: 'use' })).status).toBe(200);
  });
});

describe('operations on registries', () => {
  let npm: AnsweringServer;
  let mcp: StandInMcpRegistry;
  let rig: Awaited<ReturnType<typeof createRig>>;
  beforeAll(async () => {
    npm = await new AnsweringServer().start();
    const version = { name: 'mcp-a', version: '1.0.0', bin: 'x.js', license: 'MIT', keywords: ['mcp'] };
    npm.on(
      /^\/mcp-a$/,
      json({ name: 'mcp-a', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }),
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

  it.each(Object.entries(OF_REGISTRIES))('%s answers as the document says', async (_id, [method, path]) => {
    const { json: ask } = await createApiClient({ discovery: rig.discovery });
    expect((await ask(method, path)).status).toBe(200);
  });

  it('syncRegistry says how it goes on to who asks for lines', async () => {
    const { send } = await createApiClient({ discovery: rig.discovery });
    const response = await send('POST', OF_REGISTRIES.syncRegistry?.[1] ?? '', {
      headers: { Accept: 'application/x-ndjson' },
    });
    expect(await response.text()).toContain('"type":"done"');
  });
});
