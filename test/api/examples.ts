/** A call of each operation, with the types of the client library: what is to be on the wire, what is given, and what has to be there first. */
import type { Input, OperationId } from '../../src/client/client.ts';
import type { Logins } from '../../src/logins/logins.ts';
import { sessionReport } from '../servers/doubles.ts';
import type { TestApi } from './client.ts';

export type Before = (api: TestApi) => Promise<unknown>;
export type Example<Id extends OperationId> = readonly [request: string, input: Input<Id>, before?: Before];
type Examples<Ids extends OperationId> = { readonly [Id in Ids]: Example<Id> };

type OfRegistries = 'readPackage' | 'listVersions' | 'listDependencies' | 'listRegistries' | 'syncRegistry';

/** What the gateway's logins are is tested where they are; here it is what the API says of them. */
const LOGIN = { issuer: 'https://id.example.com', expiresAt: '2026-11-26T00:00:00.000Z', renewable: true };
export const logins = {
  begin: async () => ({
    login: 'one',
    authorizationUrl: 'https://id.example.com/authorize?state=x',
    expiresAt: LOGIN.expiresAt,
  }),
  finish: async () => LOGIN,
  info: () => LOGIN,
  logout: async () => true,
} as unknown as Logins;

const OWN = { slug: 'own', source: { npm: { name: 'own-mcp', version: '1.0.0' } } };
const GROUP = { name: 'g', servers: ['a'] };
const REMOTE = { template: undefined, source: { remote: { url: 'https://mcp.example.com/mcp' } } };
const USED = { sessions: 1, calls: 2, failedCalls: 0, bytesToServer: 3, bytesFromServer: 4 };

const A = { name: 'a' };
const G = { name: 'g' };
const KEY = { name: 'KEY' };
const MINE = { slug: 'own' };
const TIME = { slug: 'time' };
const IN_REGISTRY = { name: 'dev.berth/time' };
const PACKAGE = { ecosystem: 'npm', name: '@berth/mcp-a' };

export const running: Before = (api) => api.run('a');
const remote: Before = (api) => api.run('a', REMOTE);
const own: Before = (api) => api.json('POST', '/templates', { body: OWN });
const secret: Before = (api) => api.json('PUT', '/secrets/KEY', { body: { value: 'x' } });
const group: Before = async (api) => {
  await running(api);
  return await api.json('POST', '/groups', { body: GROUP });
};
const peer =
  (method: string, result: Record<string, unknown>): Before =>
  async (api) =>
    api.peer.give(method, result);
const withHost =
  (change: (host: TestApi['host'], id: string) => unknown): Before =>
  async (api) => {
    await running(api);
    change(api.host, api.manager.get('a').id);
  };
const session = withHost((host, id) => host.open.set(id, [sessionReport('one')]));

export const EXAMPLES: Examples<Exclude<OperationId, OfRegistries>> = {
  createServer: ['POST /servers?wait=ready', { body: { template: 'time' }, query: { wait: 'ready' } }],
  listServers: ['GET /servers', {}, running],
  getServer: ['GET /servers/a', { params: A }, running],
  deleteServer: ['DELETE /servers/a?force=true', { params: A, query: { force: true } }, running],
  checkServer: ['GET /servers/a/health', { params: A }, running],
  listChecks: ['GET /servers/a/checks?limit=5', { params: A, query: { limit: 5 } }, running],
  startServer: ['POST /servers/a/start', { params: A }, running],
  stopServer: ['POST /servers/a/stop', { params: A }, running],
  restartServer: ['POST /servers/a/restart', { params: A }, running],
  scaleServer: ['POST /servers/a/scale', { params: A, body: { replicas: 0 } }, running],
  readLog: ['GET /servers/a/logs', { params: A }, withHost((host, id) => host.write(id, 'hello'))],
  readGatewayLog: ['GET /logs?level=info', { query: { level: 'info' } }],
  clearGatewayLog: ['DELETE /logs', {}],
  readServerEvents: ['GET /servers/a/events', { params: A }, running],
  watchServers: ['GET /events?server=a&server=b', { query: { server: ['a', 'b'] } }],
  listSessions: ['GET /servers/a/sessions', { params: A }, session],
  endSession: ['DELETE /servers/a/sessions/one', { params: { ...A, id: 'one' } }, session],
  endSessions: ['DELETE /servers/a/sessions', { params: A }, running],
  readUsage: ['GET /servers/a/usage', { params: A }, withHost((host, id) => host.used.set(id, USED))],
  'list-tools': ['GET /servers/a/tools', { params: A }, peer('tools/list', { tools: [{ name: 'echo' }] })],
  'list-prompts': [
    'GET /servers/a/prompts',
    { params: A },
    peer('prompts/list', { prompts: [{ name: 'p' }] }),
  ],
  'list-resources': ['GET /servers/a/resources', { params: A }, peer('resources/list', { resources: [] })],
  'list-resource-templates': [
    'GET /servers/a/resource-templates',
    { params: A },
    peer('resources/templates/list', { resourceTemplates: [] }),
  ],
  callTool: [
    'POST /servers/a/call',
    { params: A, body: { tool: 'echo' } },
    peer('tools/call', { content: [] }),
  ],
  getPrompt: [
    'POST /servers/a/prompt',
    { params: A, body: { prompt: 'p' } },
    peer('prompts/get', { messages: [] }),
  ],
  readResource: [
    'POST /servers/a/read',
    { params: A, body: { uri: 'x:/y' } },
    peer('resources/read', { contents: [] }),
  ],
  listClients: ['GET /clients', {}],
  configureClient: [
    'GET /servers/a/clients/claude-code',
    { params: { ...A, client: 'claude-code' } },
    running,
  ],
  configureClientForGroup: ['GET /groups/g/clients/cursor', { params: { ...G, client: 'cursor' } }, group],
  listGroups: ['GET /groups', {}, group],
  getGroup: ['GET /groups/g', { params: G }, group],
  listGroupTools: ['GET /groups/g/tools', { params: G }, group],
  createGroup: ['POST /groups', { body: GROUP }, running],
  replaceGroup: ['PUT /groups/g', { params: G, body: GROUP }, group],
  deleteGroup: ['DELETE /groups/g', { params: G }, group],
  inspectPackage: ['POST /inspect', { body: { source: { npm: { name: 'some-server' } } } }],
  listSecrets: ['GET /secrets', {}, secret],
  keepSecret: ['PUT /secrets/KEY', { params: KEY, body: { value: 'x' } }],
  deleteSecret: ['DELETE /secrets/KEY', { params: KEY }, secret],
  beginLogin: ['POST /servers/a/login', { params: A, body: { redirectUri: 'http://127.0.0.1:1/' } }, remote],
  finishLogin: [
    'POST /servers/a/login/one',
    { params: { ...A, login: 'one' }, body: { callback: 'http://127.0.0.1:1/?code=x' } },
    remote,
  ],
  getLogin: ['GET /servers/a/login', { params: A }, remote],
  endLogin: ['DELETE /servers/a/login', { params: A }, remote],
  listTemplates: ['GET /templates?limit=1000', { query: { limit: 1000 } }],
  getTemplate: ['GET /templates/time', { params: TIME }],
  createTemplate: ['POST /templates', { body: OWN }],
  replaceTemplate: ['PUT /templates/own', { params: MINE, body: OWN }, own],
  deleteTemplate: ['DELETE /templates/own', { params: MINE }, own],
  mergeTemplate: ['POST /templates/time/merge', { params: TIME, body: { slug: 'mine' } }],
  readHistory: ['GET /templates/own/history', { params: MINE }, own],
  listCategories: ['GET /catalogue/categories', {}],
  readStatistics: ['GET /catalogue/statistics', {}],
  listRenames: ['GET /catalogue/renames', {}],
  listPopular: ['GET /catalogue/popular', {}],
  exportTemplates: ['GET /catalogue/export', {}],
  importTemplates: ['POST /catalogue/import', { body: { templates: [OWN, {}] } }],
  validateTemplate: ['POST /catalogue/validate', { body: OWN }],
  search: ['GET /search?q=time&provider=templates', { query: { q: 'time', provider: 'templates' } }],
  listProviders: ['GET /search/providers', {}],
  readSearchStatistics: ['GET /search/statistics', {}, (api) => api.json('GET', '/search?q=time')],
  readSettings: ['GET /settings', {}],
  readHealth: ['GET /health', {}, running],
  readDocument: ['GET /openapi.json', {}],
  listRegistry: ['GET /v0.1/servers?limit=100', { query: { limit: '100' } }],
  listRegistryVersions: ['GET /v0.1/servers/dev.berth%2Ftime/versions', { params: IN_REGISTRY }],
  getRegistryVersion: [
    'GET /v0.1/servers/dev.berth%2Ftime/versions/latest',
    { params: { ...IN_REGISTRY, version: 'latest' } },
  ],
};

/** Those that need a registry. */
export const OF_REGISTRIES: Examples<OfRegistries> = {
  readPackage: ['GET /packages/npm/%40berth%2Fmcp-a', { params: PACKAGE }],
  listVersions: ['GET /packages/npm/%40berth%2Fmcp-a/versions', { params: PACKAGE }],
  listDependencies: ['GET /packages/npm/%40berth%2Fmcp-a/dependencies', { params: PACKAGE }],
  listRegistries: ['GET /search/registries', {}],
  syncRegistry: ['POST /search/registries/mcp-registry/sync', { params: { name: 'mcp-registry' } }],
};
