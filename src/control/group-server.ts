/** The MCP server of a group, one for each client: every request goes to the server that it belongs to. */
import {
  type InputRequiredResult,
  inputRequired,
  ProtocolError,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { BerthError, errorData, toBerthError } from '../errors.ts';
import type { GroupCall, GroupLists, Listing } from '../groups/group-lists.ts';
import type { GroupDirectory } from '../groups/groups.ts';
import type { AskServer, CallPrincipal, Offer } from '../servers/server-calls.ts';

type Json = Readonly<Record<string, unknown>>;

export interface GroupServing {
  readonly groups: GroupDirectory;
  readonly lists: GroupLists;
  readonly ask: AskServer;
}

/** Questions of one call; people are not asked without an end. */
const MOST_ROUNDS = 50;
const RESOURCE_NOT_FOUND: ReadonlySet<number> = new Set([-32002, -32602, -32601]);

export interface GroupClient {
  readonly caller: CallPrincipal;
  /** It can be told when a list has changed. */
  readonly tellsChanges: boolean;
}

/** Throws `not-found` for an unknown group. */
export function createGroupServer(
  parts: GroupServing,
  name: string,
  { caller, tellsChanges: listChanged }: GroupClient,
): Server {
  const { spec } = parts.groups.get(name);
  const server = new Server(
    { name, version: '0', ...(spec.title !== undefined && { title: spec.title }) },
    {
      capabilities: {
        tools: { listChanged },
        prompts: { listChanged },
        resources: { listChanged },
        completions: {},
        logging: {},
      },
      ...(spec.instructions !== undefined && { instructions: spec.instructions }),
      inputRequired: { maxRounds: MOST_ROUNDS },
    },
  );
  new GroupHandlers(parts, server, name, caller).add();
  return server;
}

class GroupHandlers {
  readonly #parts: GroupServing;
  readonly #server: Server;
  readonly #name: string;
  readonly #caller: CallPrincipal;

  constructor(parts: GroupServing, server: Server, name: string, caller: CallPrincipal) {
    this.#parts = parts;
    this.#server = server;
    this.#name = name;
    this.#caller = caller;
  }

  add(): void {
    this.#addLists();
    const { lists } = this.#parts;
    this.#handle('tools/call', async ({ name, ...params }, context) => {
      const { server, own } = await lists.target('tools', String(name), this.#call(context));
      return await this.#forward('tools/call', { ...params, name: own }, { server, context });
    });
    this.#handle('prompts/get', async ({ name, ...params }, context) => {
      const { server, own } = await lists.target('prompts', String(name), this.#call(context));
      return await this.#forward('prompts/get', { ...params, name: own }, { server, context });
    });
    this.#handle('resources/read', (params, context) => this.#read(params, context));
    this.#handle('completion/complete', (params, context) => this.#complete(params, context));
  }

  #addLists(): void {
    const { lists } = this.#parts;
    const answer = async (offer: Offer, context: ServerContext): Promise<readonly Json[]> => {
      const listing = await lists.list(offer, this.#call(context));
      await tellSilent(listing, context);
      return listing.entries;
    };
    this.#handle('tools/list', async (_, context) => ({ tools: await answer('tools', context) }));
    this.#handle('prompts/list', async (_, context) => ({ prompts: await answer('prompts', context) }));
    this.#handle('resources/list', async (_, context) => ({ resources: await answer('resources', context) }));
    this.#handle('resources/templates/list', async (_, context) => ({
      resourceTemplates: await answer('resource-templates', context),
    }));
  }

  async #read(params: Json, context: ServerContext): Promise<Json> {
    const uri = String(params.uri);
    let failure: unknown;
    for (const server of await this.#parts.lists.readers(uri, this.#call(context))) {
      try {
        return await this.#forward('resources/read', params, { server, context });
      } catch (thrown) {
        failure = thrown;
        if (!(thrown instanceof ProtocolError) || !RESOURCE_NOT_FOUND.has(thrown.code)) throw thrown;
      }
    }
    throw failure ?? new BerthError('invalid-params', 'no server of the group has this resource');
  }

  /** A reference names a prompt of the group, or a template of one of its servers. */
  async #complete(params: Json, context: ServerContext): Promise<Json> {
    const reference = params.ref as { type?: unknown; name?: unknown; uri?: unknown };
    const { lists } = this.#parts;
    if (reference.type === 'ref/prompt') {
      const { server, own } = await lists.target('prompts', String(reference.name), this.#call(context));
      const ref = { ...reference, name: own };
      return await this.#forward('completion/complete', { ...params, ref }, { server, context });
    }
    const server = await lists.ofTemplate(String(reference.uri), this.#call(context));
    if (server === undefined)
      throw new BerthError('invalid-params', 'no server of the group has this template of resources');
    return await this.#forward('completion/complete', params, { server, context });
  }

  /** Answers as the server does, its errors and questions included. */
  async #forward(
    method: string,
    { _meta: _, ...params }: Json,
    { server, context }: { readonly server: string; readonly context: ServerContext },
  ): Promise<Json> {
    const { inputResponses, signal, _meta } = context.mcpReq;
    const requestState = context.mcpReq.requestState<string>();
    const answer = await this.#parts.ask({
      server,
      method,
      params: {
        ...params,
        ...(_meta && { _meta }),
        ...(inputResponses !== undefined && { inputResponses }),
        ...(requestState !== undefined && { requestState }),
      },
      caller: this.#caller,
      signal,
      capabilities: this.#capabilities,
      onNotification: (about, told) => void pass(about, told, { server, context }).catch(() => undefined),
    });
    if ('error' in answer)
      throw new ProtocolError(answer.error.code, answer.error.message, answer.error.data);
    const { resultType, ...result } = answer.result;
    return resultType === 'input_required' ? questions(result) : result;
  }

  #call(context: ServerContext): GroupCall {
    const group = this.#parts.groups.get(this.#name);
    return { group, caller: this.#caller, capabilities: this.#capabilities, signal: context.mcpReq.signal };
  }

  get #capabilities(): Json {
    return (this.#server.getClientCapabilities() ?? {}) as Json;
  }

  #handle(method: string, run: (params: Json, context: ServerContext) => Promise<Json>): void {
    const handler = async (request: { params?: Json }, context: ServerContext): Promise<Json> => {
      try {
        return await run(request.params ?? {}, context);
      } catch (thrown) {
        if (thrown instanceof ProtocolError || context.mcpReq.signal.aborted) throw thrown;
        const error = toBerthError(thrown);
        throw new ProtocolError(error.rpc, error.message, errorData(error));
      }
    };
    this.#server.setRequestHandler(method as 'ping', handler as never);
  }
}

function questions(result: Json): Json {
  const { inputRequests, requestState } = result;
  return inputRequired({
    ...(inputRequests !== undefined && { inputRequests }),
    ...(typeof requestState === 'string' && { requestState }),
  } as Parameters<typeof inputRequired>[0]) satisfies InputRequiredResult as unknown as Json;
}

/** A server of the group that is down is no failure of the group, and no secret either. */
async function tellSilent({ silent }: Listing, context: ServerContext): Promise<void> {
  for (const { server, error } of silent) {
    const data = { server, message: error.message, ...errorData(error) };
    await context.mcpReq.log('warning', data, 'berth').catch(() => undefined);
  }
}

/** Progress under the caller's own token, and what a server logs under its name. */
async function pass(
  method: string,
  params: Json,
  { server, context: { mcpReq } }: { readonly server: string; readonly context: ServerContext },
): Promise<void> {
  if (method === 'notifications/message') {
    const { level, logger, data } = params;
    const name = typeof logger === 'string' ? `${server}/${logger}` : server;
    await mcpReq.log(level as Parameters<typeof mcpReq.log>[0], data, name);
  }
  const progressToken = mcpReq._meta?.progressToken;
  if (method !== 'notifications/progress' || progressToken === undefined) return;
  await mcpReq.notify({ method, params: { ...params, progressToken } as never });
}
