/** `/api/v1/servers/{name}/login`: a person's login at a remote server. What they agreed to comes back in a body, never in a URL. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { BerthError } from '../errors.ts';
import type { LoginServer, Logins } from '../logins/logins.ts';
import { parseSecretReference, resolveSecrets, systemSecrets } from '../servers/secret-reference.ts';
import { toInputError } from '../servers/server-spec.ts';
import type { Servers } from '../servers/servers.ts';
import { type ApiVariables, readJson } from './request-checks.ts';

const LOGIN = '/api/v1/servers/:name/login';

const REDIRECT_EXPECTED = 'must be an http URL of 127.0.0.1, [::1] or localhost';
const word = z.string().regex(/^[\x21-\x7e]{1,512}$/, 'must be 1 to 512 visible characters');
const beginSchema = z.strictObject({
  redirectUri: z.string().max(512).refine(isLoopback, REDIRECT_EXPECTED),
  clientId: word.optional(),
  /** By reference. */
  clientSecret: z.string().optional(),
  scope: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e ]{1,2048}$/, 'must be words with blanks between them')
    .optional(),
});
const finishSchema = z.strictObject({ callback: z.string().max(8_192) });

export interface LoginRoutesInput {
  readonly manager: Servers;
  /** Absent where servers run elsewhere than in this program. */
  readonly logins: Logins | undefined;
}

export function addLoginRoutes(api: Hono<ApiVariables>, { manager, logins }: LoginRoutesInput): void {
  const find = async (context: Context<ApiVariables>): Promise<{ server: LoginServer; logins: Logins }> => {
    const { id, name, status, spec } = await manager.get(context.req.param('name') ?? '');
    if (!logins) throw inCluster();
    if (status.remote === undefined) throw notRemote(name);
    const headers = Object.keys(spec?.source?.remote?.headers ?? {});
    if (headers.some((header) => header.toLowerCase() === 'authorization')) throw hasHeader(name);
    return { server: { id, name, url: status.remote.url }, logins };
  };

  api.post(LOGIN, async (context) => {
    const found = await find(context);
    const { redirectUri, clientId, clientSecret, scope } = parsed(
      beginSchema,
      await readJson(context.req.raw),
    );
    const secret = clientSecret === undefined ? undefined : await secretOf(clientSecret);
    const begun = await found.logins.begin(found.server, {
      redirectUri,
      ...(clientId !== undefined && { clientId }),
      ...(secret !== undefined && { clientSecret: secret }),
      ...(scope !== undefined && { scope }),
    });
    return context.json(begun, 201);
  });

  api.post(`${LOGIN}/:login`, async (context) => {
    const found = await find(context);
    const { callback } = parsed(finishSchema, await readJson(context.req.raw));
    const info = await found.logins.finish(found.server, context.req.param('login'), callback);
    await manager.restart(found.server.name);
    return context.json(info);
  });

  api.get(LOGIN, async (context) => {
    const found = await find(context);
    const info = found.logins.info(found.server);
    if (!info) throw noLogin(found.server.name);
    return context.json(info);
  });

  api.delete(LOGIN, async (context) => {
    const found = await find(context);
    if (!(await found.logins.logout(found.server))) throw noLogin(found.server.name);
    return context.body(null, 204);
  });
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

function parsed<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (!result.success) throw toInputError(result.error, 'a login');
  return result.data;
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
