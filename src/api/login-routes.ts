/** `/api/v1/servers/{name}/login`: a person's login at a remote server. What they agreed to comes back in a body, never in a URL. */
import { z } from '@hono/zod-openapi';
import { BerthError } from '../errors.ts';
import type { LoginServer, Logins } from '../logins/logins.ts';
import { toWebUrl } from '../servers/remote-url.ts';
import { parseSecretReference, resolveSecrets, systemSecrets } from '../servers/secret-reference.ts';
import type { Servers } from '../servers/servers.ts';
import { SERVER_PARAMS } from './path-parameters.ts';
import { type Api, addRoute, bodyOf } from './route.ts';
import { begunLoginSchema, finishLoginSchema, loginSchema } from './schemas/secrets.ts';
import { SERVERS, START_FAILURES } from './server-routes.ts';

const LOGIN = `${SERVERS}/{name}/login`;
const params = { ...SERVER_PARAMS, login: { description: 'The `login` that was begun.' } };
const common = { params, tag: 'secrets', problems: START_FAILURES } as const;

const REDIRECT_EXPECTED = 'must be an http URL of 127.0.0.1, [::1] or localhost';
const word = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 visible characters');
const beginSchema = z
  .strictObject({
    redirectUri: z.string().max(512).refine(isLoopback, REDIRECT_EXPECTED),
    clientId: word.optional(),
    /** By reference. */
    clientSecret: z.string().optional(),
    scope: z
      .string()
      .regex(/^[\x21\x23-\x5b\x5d-\x7e ]{1,2048}$/, 'must be words with blanks between them')
      .optional(),
  })
  .openapi('LoginRequest');

export interface LoginRoutesInput {
  readonly manager: Servers;
  /** Absent where servers run elsewhere than in this program. */
  readonly logins: Logins | undefined;
}

type Find = (name: string) => Promise<{ server: LoginServer; logins: Logins }>;

export function addLoginRoutes(api: Api, { manager, logins }: LoginRoutesInput): void {
  const find: Find = async (given) => {
    const { id, name, status, spec } = await manager.get(given);
    if (!logins) throw inCluster();
    if (status.remote === undefined) throw notRemote(name);
    const headers = Object.keys(spec?.source?.remote?.headers ?? {});
    if (headers.some((header) => header.toLowerCase() === 'authorization')) throw hasHeader(name);
    return { server: { id, name, url: toWebUrl(status.remote.url) }, logins };
  };
  addBeginning(api, find);
  addEnd(api, find, manager);
  addStatus(api, find);
}

function addBeginning(api: Api, find: Find): void {
  addRoute(
    api,
    {
      ...common,
      id: 'beginLogin',
      method: 'post',
      path: LOGIN,
      summary: 'Begin a login at a remote server',
      body: bodyOf(beginSchema, 'a login'),
      answers: { 201: { description: 'Where the person agrees.', schema: begunLoginSchema } },
    },
    async ({ context, param, body: { redirectUri, clientId, clientSecret, scope } }) => {
      const found = await find(param('name'));
      const secret = clientSecret === undefined ? undefined : await secretOf(clientSecret);
      const begun = await found.logins.begin(found.server, {
        redirectUri,
        ...(clientId !== undefined && { clientId }),
        ...(secret !== undefined && { clientSecret: secret }),
        ...(scope !== undefined && { scope }),
      });
      return context.json(begun, 201);
    },
  );
}

function addEnd(api: Api, find: Find, manager: Servers): void {
  addRoute(
    api,
    {
      ...common,
      id: 'finishLogin',
      method: 'post',
      path: `${LOGIN}/{login}`,
      summary: 'Finish a login; the server is started again',
      body: bodyOf(finishLoginSchema, 'a login'),
      answers: { 200: { description: 'Who gave it, and until when it counts.', schema: loginSchema } },
    },
    async ({ context, param, body: { callback } }) => {
      const found = await find(param('name'));
      const info = await found.logins.finish(found.server, param('login'), callback);
      await manager.restart(found.server.name);
      return context.json(info);
    },
  );
}

function addStatus(api: Api, find: Find): void {
  addRoute(
    api,
    {
      ...common,
      id: 'getLogin',
      method: 'get',
      path: LOGIN,
      summary: 'Who gave the login of a server, and until when it counts',
      answers: { 200: { description: 'The login.', schema: loginSchema } },
    },
    async ({ context, param }) => {
      const found = await find(param('name'));
      const info = found.logins.info(found.server);
      if (!info) throw noLogin(found.server.name);
      return context.json(info);
    },
  );

  addRoute(
    api,
    {
      ...common,
      id: 'endLogin',
      method: 'delete',
      path: LOGIN,
      summary: 'End the login of a server at both sides',
      answers: { 204: { description: 'It is over.' } },
    },
    async ({ context, param }) => {
      const found = await find(param('name'));
      if (!(await found.logins.logout(found.server))) throw noLogin(found.server.name);
      return context.body(null, 204);
    },
  );
}

/** A name that means this machine to everybody's browser. */
function isLoopback(text: string): boolean {
  const url = URL.parse(text);
  return (
    url !== null &&
    url.protocol === 'http:' &&
    ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname) &&
    url.username === '' &&
    url.hash === ''
  );
}

async function secretOf(text: string): Promise<string> {
  const reference = parseSecretReference(text);
  if (!reference) {
    const detail = 'must be a reference, never a value: env:NAME or file:/absolute/path';
    throw new BerthError('bad-input', `clientSecret: ${detail}`, {
      fields: [{ pointer: '/clientSecret', detail }],
    });
  }
  const { clientSecret = '' } = await resolveSecrets({ clientSecret: reference }, systemSecrets, '');
  return clientSecret;
}

function inCluster(): BerthError {
  return new BerthError('not-allowed', 'logins are kept on one machine only', {
    hint: 'In a cluster, put a token into a Secret and name it in the headers of source.remote.',
  });
}

function notRemote(name: string): BerthError {
  return new BerthError('bad-input', `${name} is no remote server: there is nothing to log in to`, {
    hint: 'Give what it needs as a secret: berth run NAME --secret NAME=env:NAME.',
  });
}

function hasHeader(name: string): BerthError {
  return new BerthError('conflict', `${name} has a header Authorization of its own`, {
    hint: `Remove it and run it again without that header: berth rm ${name}.`,
  });
}

function noLogin(name: string): BerthError {
  return new BerthError('not-found', `nobody has logged in to ${name}`, {
    hint: `Log in with: berth login ${name}.`,
  });
}
