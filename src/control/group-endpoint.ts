/** `/groups/{name}/mcp`: chosen servers as one, over Streamable HTTP, for clients of both eras. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  createMcpHandler,
  isLegacyRequest,
  type McpHttpHandler,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import type { OwnSeal } from '../auth/own-seal.ts';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError, toBerthError } from '../errors.ts';
import type { GroupLists } from '../groups/group-lists.ts';
import { ALL_LISTS, type ChangedList, GroupWatches } from '../groups/group-watch.ts';
import type { GroupDirectory } from '../groups/groups.ts';
import type { Peers } from '../peers/peers.ts';
import type { AskServer, CallPrincipal } from '../servers/server-calls.ts';
import { createGroupServer, type GroupServing } from './group-server.ts';
import { LegacySessions } from './legacy-sessions.ts';
import type { OpenListens } from './open-listens.ts';
import { refusal } from './refusal.ts';

export interface GroupParts {
  readonly groups: GroupDirectory;
  readonly lists: GroupLists;
  readonly ask: AskServer;
  /** Whether a server can be called. */
  readonly isUp: (server: string) => boolean;
  readonly seal: OwnSeal;
  /** Where listens and event streams are entered, to be ended as the gateway goes away. */
  readonly streams?: OpenListens;
  /** Other gateways that serve the same groups. */
  readonly peers?: Peers;
}

export interface GroupEndpoint {
  fetch(request: Request, caller: CallPrincipal): Promise<Response>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Of a URL's path. */
const PATH = /^\/groups\/([^/]+)\/mcp$/;

export function createGroupEndpoint(parts: GroupParts, clock: Clock = systemClock): GroupEndpoint {
  const { groups } = parts;
  const watches = new GroupWatches({ ...parts, clock });
  const sessions = new LegacySessions({ ...parts, what: 'the groups of this gateway', clock });
  const stop = groups.onChange((name) => {
    if (!groups.find(name)) void sessions.end((owner) => ownerOf(owner).group === name);
  });
  return {
    fetch: async (request, caller) => {
      try {
        const name = nameIn(request);
        groups.get(name);
        const opened = { serving: parts, streams: parts.streams, watches, sessions, name, caller };
        return (await isLegacyRequest(request.clone())) && (await hasSession(request))
          ? await serveLegacy(request, opened)
          : await serveOne(request, opened);
      } catch (thrown) {
        return refusal(toBerthError(thrown));
      }
    },
    close: async () => {
      stop();
      watches.close();
      await sessions.close();
    },
  };
}

interface Opened {
  readonly serving: GroupServing;
  readonly streams: OpenListens | undefined;
  readonly watches: GroupWatches;
  readonly sessions: LegacySessions;
  readonly name: string;
  readonly caller: CallPrincipal;
}

async function serveLegacy(request: Request, { serving, watches, sessions, name, caller }: Opened) {
  const owner = JSON.stringify({ caller: caller.id, group: name });
  return await sessions.serve(request, owner, async (transport) => {
    const server = createGroupServer(serving, name, { caller, tellsChanges: true });
    const tell: Readonly<Record<ChangedList, () => Promise<void>>> = {
      tools: () => server.sendToolListChanged(),
      prompts: () => server.sendPromptListChanged(),
      resources: () => server.sendResourceListChanged(),
    };
    await server.connect(transport);
    return {
      // Whoever has no event stream cannot be told anything, and no server is listened to for it.
      listens: (again) => {
        const capabilities = { ...server.getClientCapabilities() };
        const tellOf = (list: ChangedList) => void tell[list]().catch(() => undefined);
        const unwatch = watches.watch({ group: name, caller, capabilities }, tellOf);
        if (again) for (const list of ALL_LISTS) tellOf(list);
        return unwatch;
      },
    };
  });
}

/**
 * Nothing of a modern client is kept but what it listens to. Nor is anything of a legacy one that has no session: it lists and calls, hears
 * of no changes, and cannot be asked anything.
 */
async function serveOne(request: Request, { serving, streams, watches, name, caller }: Opened) {
  const capabilities = await capabilitiesOf(request);
  const bus: ServerEventBus = {
    // Changes come from the servers, never from a client's own request.
    publish: () => {},
    subscribe: (listener) => {
      const gone = streams?.add({ busy: false, end: () => void handler.close() });
      const unwatch = watches.watch({ group: name, caller, capabilities }, (list) =>
        listener({ kind: `${list}_list_changed` }),
      );
      return () => {
        gone?.();
        unwatch();
      };
    },
  };
  const handler: McpHttpHandler = createMcpHandler(
    ({ era }) => createGroupServer(serving, name, { caller, tellsChanges: era === 'modern' }),
    { legacy: 'stateless', bus },
  );
  return await handler.fetch(request);
}

/** Whether a legacy client has a session, or opens one. */
async function hasSession(request: Request): Promise<boolean> {
  if (request.headers.has('mcp-session-id')) return true;
  if (request.method !== 'POST') return false;
  const body: unknown = await request
    .clone()
    .json()
    .catch(() => undefined);
  return [body].flat().some((message) => (message as { method?: unknown } | null)?.method === 'initialize');
}

/** What a client declares in a request to listen; whatever is wrong with that is for the server to say. */
async function capabilitiesOf(request: Request): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (request.headers.get('mcp-method') !== 'subscriptions/listen') return undefined;
  const body = (await request
    .clone()
    .json()
    .catch(() => undefined)) as { params?: { _meta?: Record<string, unknown> } } | undefined;
  const declared = body?.params?._meta?.[CLIENT_CAPABILITIES_META_KEY];
  return typeof declared === 'object' && declared !== null ? { ...declared } : undefined;
}

function ownerOf(owner: string): { readonly caller: string; readonly group: string } {
  return JSON.parse(owner);
}

function nameIn({ url }: Request): string {
  const name = PATH.exec(new URL(url).pathname)?.[1];
  if (name !== undefined) return name;
  throw new BerthError('not-found', 'the URL of a group is /groups/{name}/mcp', {
    hint: 'List what exists with: berth group ls.',
  });
}
