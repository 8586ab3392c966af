/** `/api/v1/secrets`: values that servers refer to. They are given in a body and never answered. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import type { SecretStore } from '../auth/secret-store.ts';
import { BerthError } from '../errors.ts';
import { toInputError } from '../servers/server-spec.ts';
import type { ServerView } from '../servers/server-view.ts';
import type { Servers } from '../servers/servers.ts';
import { queryFlag } from './query.ts';
import { type ApiVariables, readJson } from './request-checks.ts';

const SECRETS = '/api/v1/secrets';
const schema = z.strictObject({ value: z.string() });

export interface SecretRoutesInput {
  readonly manager: Servers;
  /** Absent where secrets are not the gateway's to keep. */
  readonly secrets: SecretStore | undefined;
}

export function addSecretRoutes(api: Hono<ApiVariables>, { manager, secrets }: SecretRoutesInput): void {
  const kept = (): SecretStore => {
    if (secrets) return secrets;
    throw new BerthError('not-allowed', 'secrets are kept on one machine only', {
      hint: 'In a cluster, make a Secret and refer to it: --secret NAME=secret:SECRET/KEY.',
    });
  };

  api.get(SECRETS, async (context) => {
    const servers = await manager.list();
    const found = kept()
      .list()
      .map((one) => ({ ...one, usedBy: usersOf(one.name, servers) }));
    return context.json({ secrets: found, total: found.length });
  });

  api.put(`${SECRETS}/:name`, async (context) => {
    const result = schema.safeParse(await readJson(context.req.raw));
    if (!result.success) throw toInputError(result.error, 'a secret');
    kept().set(nameOf(context), result.data.value);
    return context.body(null, 204);
  });

  api.delete(`${SECRETS}/:name`, async (context) => {
    const name = nameOf(context);
    const users = usersOf(name, await manager.list());
    const there = kept()
      .list()
      .some((one) => one.name === name);
    if (there && users.length > 0 && !queryFlag(context.req, 'force'))
      throw new BerthError('conflict', `${name} is used by ${users.join(', ')}`, {
        hint: 'Remove these servers first, or use --force: they will not start again without it.',
      });
    if (!kept().remove(name))
      throw new BerthError('not-found', `there is no secret ${JSON.stringify(name)}`, {
        hint: 'List them with: berth secret ls.',
      });
    return context.body(null, 204);
  });
}

function nameOf(context: Context<ApiVariables>): string {
  return context.req.param('name') ?? '';
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
