/** What MCP clients must be told of a server or a group: the same that `berth connect` prints, for programs and web pages. */
import { z } from '@hono/zod-openapi';
import type { ClientDefinition } from '../clients/client.ts';
import { clientEdits, snippet } from '../clients/configure.ts';
import { CLIENTS, findClient } from '../clients/table.ts';
import { BerthError } from '../errors.ts';
import type { Servers } from '../servers/servers.ts';
import type { GroupRoutesInput } from './group-routes.ts';
import { text } from './query.ts';
import { callerOf } from './request-checks.ts';
import { type Api, addRoute } from './route.ts';
import { AWAY } from './server-routes.ts';

const tag = 'clients';
const LOCAL = 'local';
const KEY_VARIABLE = 'BERTH_KEY';
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

const clientSchema = z.object({
  id: z.string(),
  title: z.string(),
  format: z.enum(['jsonc', 'toml', 'yaml']).openapi({ description: 'Of its file.' }),
  calls: z.enum(['url', 'program']).openapi({ description: '`program`: it only starts programs.' }),
});

const configurationSchema = z.object({
  client: z.string(),
  title: z.string(),
  format: z.enum(['jsonc', 'toml', 'yaml']),
  url: z.string(),
  text: z.string().openapi({ description: 'A file that has this entry and nothing else.' }),
  after: z.string().optional().openapi({ description: 'What a person does once it is written.' }),
});

const QUERY = {
  keyVariable: text(
    'Environment variable of the client that has the key; BERTH_KEY for a caller with a key.',
  ),
  keyFile: text(
    'File of the client’s machine that has the key, for clients that cannot refer to a variable.',
  ),
};

type Wanted = { readonly [Name in keyof typeof QUERY]?: string | undefined };

export interface ClientRoutesInput {
  readonly manager: Servers;
  /** Absent where there are no groups. */
  readonly groups: GroupRoutesInput | undefined;
}

export function addClientRoutes(api: Api, { manager, groups }: ClientRoutesInput): void {
  addRoute(
    api,
    {
      id: 'listClients',
      method: 'get',
      path: '/api/v1/clients',
      tag,
      summary: 'MCP clients whose configuration is known',
      answers: { 200: { description: 'All of them.', schema: z.object({ clients: z.array(clientSchema) }) } },
    },
    ({ context }) =>
      context.json({
        clients: CLIENTS.map(({ id, title, format, remote }) => ({
          ...{ id, title, format },
          calls: remote ? ('url' as const) : ('program' as const),
        })),
      }),
  );
  const one = {
    method: 'get',
    tag,
    query: QUERY,
    answers: { 200: { description: 'What belongs into its file.', schema: configurationSchema } },
    problems: [...AWAY, 'not-allowed'],
  } as const;
  const client = { description: 'Its `id` in the list of clients.' };
  addRoute(
    api,
    {
      ...one,
      id: 'configureClient',
      path: '/api/v1/servers/{name}/clients/{client}',
      params: { name: { description: 'Name of the server.' }, client },
      summary: 'What a client must be told of a server',
    },
    async ({ context, param, query }) => {
      const { name, status } = await manager.get(param('name'));
      const url = status.endpoints.find(({ transport }) => transport === 'streamable-http')?.url;
      if (url === undefined) throw new BerthError('busy', `${name} has no URL`);
      const isLocal = callerOf(context).id === LOCAL;
      return context.json(configure(param('client'), { name, url }, { query, isLocal }));
    },
  );
  addRoute(
    api,
    {
      ...one,
      id: 'configureClientForGroup',
      path: '/api/v1/groups/{name}/clients/{client}',
      params: { name: { description: 'Name of the group.' }, client },
      summary: 'What a client must be told of a group',
    },
    ({ context, param, query }) => {
      if (!groups) throw new BerthError('not-allowed', 'this gateway has no groups');
      const { name } = groups.groups.get(param('name')).spec;
      const url = `${groups.publicUrl().replace(/\/+$/, '')}/groups/${name}/mcp`;
      const isLocal = callerOf(context).id === LOCAL;
      return context.json(configure(param('client'), { name, url }, { query, isLocal }));
    },
  );
}

interface Caller {
  readonly query: Wanted;
  readonly isLocal: boolean;
}

/** Never a key: whoever may call has one of their own. Throws `not-found`, `bad-input` and `not-allowed`. */
function configure(
  id: string,
  { name, url }: { readonly name: string; readonly url: string },
  { query: { keyVariable, keyFile }, isLocal }: Caller,
): z.output<typeof configurationSchema> {
  const client = clientOf(id);
  const variable = keyVariable ?? (isLocal ? undefined : KEY_VARIABLE);
  if (variable !== undefined && !VARIABLE.test(variable)) {
    const detail = 'must be the name of an environment variable';
    throw new BerthError('bad-input', `query parameter keyVariable ${detail}`, {
      fields: [{ pointer: '?keyVariable', detail }],
    });
  }
  const edits = clientEdits({
    client,
    targets: [{ name, url, ...(variable !== undefined && { keyVariable: variable }) }],
    relay: (target) =>
      variable !== undefined && keyFile === undefined ? undefined : relayTo(target, keyFile),
  });
  const { title, format, after } = client;
  return {
    client: id,
    title,
    format,
    url,
    text: snippet(edits, client),
    ...(after !== undefined && { after }),
  };
}

/** The command as it is installed; it sends the key to this gateway only. */
function relayTo(url: string, keyFile: string | undefined) {
  const key = keyFile === undefined ? [] : ['--url', new URL(url).origin, '--key-file', keyFile];
  return { command: 'berth', args: ['stdio', ...key, url] };
}

function clientOf(id: string): ClientDefinition {
  const client = findClient(id);
  if (client) return client;
  throw new BerthError('not-found', `${JSON.stringify(id)} is no client that Berth knows`, {
    hint: 'List them with: berth connect.',
  });
}
