/** `/api/v1/secrets`: values that servers refer to. They are given in a body and never answered. */
import type { SecretStore } from '../auth/secret-store.ts';
import { BerthError } from '../errors.ts';
import type { ServerView } from '../servers/server-view.ts';
import type { Servers } from '../servers/servers.ts';
import { flag } from './query.ts';
import { type Api, addRoute, bodyOf } from './route.ts';
import { secretListSchema, secretSchema } from './schemas/secrets.ts';
import { AWAY } from './server-routes.ts';

const SECRETS = '/api/v1/secrets';
const tag = 'secrets';
const problems = [...AWAY, 'not-allowed'] as const;

export interface SecretRoutesInput {
  readonly manager: Servers;
  /** Absent where secrets are not the gateway's to keep. */
  readonly secrets: SecretStore | undefined;
}

export function addSecretRoutes(api: Api, { manager, secrets }: SecretRoutesInput): void {
  const kept = (): SecretStore => {
    if (secrets) return secrets;
    throw new BerthError('not-allowed', 'secrets are kept on one machine only', {
      hint: 'In a cluster, make a Secret and refer to it: --secret NAME=secret:SECRET/KEY.',
    });
  };
  addList(api, kept, manager);
  addChanges(api, kept, manager);
}

function addList(api: Api, kept: () => SecretStore, manager: Servers): void {
  addRoute(
    api,
    {
      id: 'listSecrets',
      method: 'get',
      path: SECRETS,
      tag,
      summary: 'Names of the secrets that the gateway keeps, and which servers use them; never a value',
      answers: { 200: { description: 'All of them, by name.', schema: secretListSchema } },
      problems,
    },
    async ({ context }) => {
      const servers = await manager.list();
      const found = kept()
        .list()
        .map((one) => ({ ...one, usedBy: usersOf(one.name, servers) }));
      return context.json({ secrets: found, total: found.length });
    },
  );
}

function addChanges(api: Api, kept: () => SecretStore, manager: Servers): void {
  const one = {
    path: `${SECRETS}/{name}`,
    params: { name: { description: 'Name of the secret.' } },
    tag,
    problems,
  } as const;
  addRoute(
    api,
    {
      ...one,
      id: 'keepSecret',
      method: 'put',
      summary: 'Keep a secret',
      body: bodyOf(secretSchema, 'a secret'),
      answers: { 204: { description: 'It is kept.' } },
    },
    ({ context, param, body }) => {
      kept().set(param('name'), body.value);
      return context.body(null, 204);
    },
  );

  addRoute(
    api,
    {
      ...one,
      id: 'deleteSecret',
      method: 'delete',
      summary: 'Forget a secret',
      query: { force: flag('Although servers use it.') },
      answers: { 204: { description: 'It is gone.' } },
    },
    async ({ context, param, query: { force } }) => {
      const name = param('name');
      const users = usersOf(name, await manager.list());
      const there = kept()
        .list()
        .some((secret) => secret.name === name);
      if (there && users.length > 0 && !force)
        throw new BerthError('conflict', `${name} is used by ${users.join(', ')}`, {
          hint: 'Remove these servers first, or use --force: they will not start again without it.',
        });
      if (!kept().remove(name))
        throw new BerthError('not-found', `there is no secret ${JSON.stringify(name)}`, {
          hint: 'List them with: berth secret ls.',
        });
      return context.body(null, 204);
    },
  );
}

function usersOf(name: string, servers: readonly ServerView[]): string[] {
  return servers
    .filter(({ spec }) => {
      const references = [
        ...Object.values(spec?.secrets ?? {}),
        ...Object.values(spec?.source?.remote?.headers ?? {}),
      ];
      return references.some((reference) => 'fromStore' in reference && reference.fromStore === name);
    })
    .map((server) => server.name);
}
