/**
 * A remote MCP server that wants a login, and the authorization server that gives it: oidc-provider, with registration of clients,
 * PKCE, rotated refresh tokens and revocation. The person at the browser says yes to everything.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export class OAuthWorld {
  readonly #servers: Server[] = [];
  provider!: Provider;
  /** Of the MCP server. */
  url = '';
  issuer = '';
  /** Authorization headers that the MCP server was sent. */
  readonly seen: string[] = [];
  /** What its document says instead of the truth. */
  document: Record<string, unknown> = {};

  /** `host`: the name under which the MCP server is reached. */
  async start(host = 'localhost'): Promise<this> {
    const authority = await this.#listen((request, response) => void this.#authority(request, response));
    const resource = await this.#listen((request, response) => void this.#resource(request, response));
    this.issuer = `http://127.0.0.1:${authority}`;
    this.url = `http://${host}:${resource}/mcp`;
    this.provider = this.#createProvider();
    return this;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** The browser of a person who agrees: from the address that they open to where it ends, which is opened as well. */
  async agree(address: string, { deny = false }: { readonly deny?: boolean } = {}): Promise<string> {
    const cookies = new Map<string, string>();
    this.#deny = deny;
    let url = new URL(address);
    for (let hop = 0; hop < 20; hop++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
      for (const set of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
        if (value === '') cookies.delete(name);
        else cookies.set(name, value);
      }
      const location = response.headers.get('location');
      if (location === null) throw new Error(`${response.status} at ${url.href}: ${await response.text()}`);
      url = new URL(location, url);
      if (url.pathname === '/callback') break;
    }
    return url.href;
  }

  #deny = false;

  /** The tokens that the MCP server takes count no more, as if their time were up. */
  readonly spent = new Set<string>();

  #createProvider(): Provider {
    const resource = this.url;
    const provider = new Provider(this.issuer, {
      clients: [],
      cookies: { keys: [randomUUID()] },
      scopes: ['openid', 'offline_access'],
      findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      issueRefreshToken: () => true,
      rotateRefreshToken: true,
      ttl: { AccessToken: 3_600, RefreshToken: 86_400, Grant: 86_400, Session: 86_400, Interaction: 600 },
      features: {
        devInteractions: { enabled: false },
        registration: { enabled: true },
        revocation: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => resource,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({
            scope: 'tools',
            audience: resource,
            accessTokenFormat: 'opaque',
            accessTokenTTL: 3_600,
          }),
        },
      },
    });
    return provider;
  }

  async #authority(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!request.url?.startsWith('/interaction/')) return void this.provider.callback()(request, response);
    const { prompt, params, session, grantId } = await this.provider.interactionDetails(request, response);
    if (this.#deny) {
      const result = { error: 'access_denied', error_description: 'the person said no' };
      return await this.provider.interactionFinished(request, response, result);
    }
    if (prompt.name === 'login')
      return await this.provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
    const old = grantId === undefined ? undefined : await this.provider.Grant.find(grantId);
    const grant =
      old ??
      new this.provider.Grant({ accountId: session?.accountId ?? '', clientId: String(params.client_id) });
    grant.addOIDCScope('openid offline_access');
    grant.addResourceScope(this.url, 'tools');
    const consent = { grantId: await grant.save() };
    await this.provider.interactionFinished(
      request,
      response,
      { consent },
      { mergeWithLastSubmission: true },
    );
  }

  async #resource(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, pathname } = new URL(this.url);
    if (request.url === `/.well-known/oauth-protected-resource${pathname}`) {
      const document = {
        resource: this.url,
        authorization_servers: [this.issuer],
        scopes_supported: ['tools'],
        ...this.document,
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
      return;
    }
    if (request.url !== pathname) return void response.writeHead(404).end();
    const { authorization = '' } = request.headers;
    this.seen.push(authorization);
    const token = authorization.replace(/^Bearer /, '');
    const found =
      token === '' || this.spent.has(token) ? undefined : await this.provider.AccessToken.find(token);
    if (found?.aud !== this.url) {
      const metadata = `${origin}/.well-known/oauth-protected-resource${pathname}`;
      const challenge = `Bearer error="invalid_token", resource_metadata="${metadata}", scope="tools"`;
      return void response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    await answerMcp(request, response);
  }

  async #listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
    const server = createServer(answer);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }
}

/** A legacy server with one tool, which needs no session. */
async function answerMcp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') return void response.writeHead(405).end();
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  const { id, method } = JSON.parse(text) as { id?: unknown; method: string };
  if (id === undefined) return void response.writeHead(202).end();
  const results: Record<string, unknown> = {
    initialize: {
      protocolVersion: '2025-06-18',
      capabilities: { tools: {} },
      serverInfo: { name: 'guarded', version: '1.0.0' },
    },
    'tools/list': { tools: [{ name: 'whoami', inputSchema: { type: 'object' } }] },
    'tools/call': { content: [{ type: 'text', text: 'ada' }] },
  };
  const result = results[method];
  const answer = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result };
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
}
