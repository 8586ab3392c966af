/** Scaling by the scale subresource, and waking what was scaled to 0. */
import { toBerthError } from '../../errors.ts';
import type { ApiClient } from '../api-client.ts';
import { ASLEEP } from '../asleep.ts';
import type { McpServer } from '../mcp-server.ts';
import { MCP_SERVERS } from '../resources.ts';

/** How many replicas a server had before it was scaled to 0. */
export const REPLICAS_BEFORE = 'berth.dev/replicas';
/** When a request last asked for a server that had no replicas; the controller must not put it to sleep before it was used. */
export const WOKEN_AT = 'berth.dev/woken-at';

/** Tries of a wake while others change the same object. */
const MOST_TRIES = 5;

type Patcher = Pick<ApiClient, 'patch'>;
type Waker = Pick<ApiClient, 'get' | 'patch'>;

/** The annotation goes first: a crash between the two leaves a server that wakes with as many as before. */
export async function scaleServer(client: Patcher, resource: McpServer, replicas: number): Promise<void> {
  const target = targetOf(resource);
  const before = resource.spec.replicas ?? 1;
  if (replicas === 0 && before > 0) await annotate(client, resource, { [REPLICAS_BEFORE]: String(before) });
  await client.patch(MCP_SERVERS, target, { subresource: 'scale', patch: { spec: { replicas } } });
}

/** Gives it as many replicas as it had; in one write, as somebody waits. What was scaled meanwhile keeps its number. */
export async function wakeServer(client: Waker, resource: McpServer): Promise<void> {
  const annotations = { [WOKEN_AT]: new Date().toISOString(), [ASLEEP]: null };
  let seen = resource;
  for (let tries = 1; ; tries++) {
    const before = replicasBefore(seen);
    const { resourceVersion } = seen.metadata;
    const metadata = {
      annotations,
      ...(before.spec && resourceVersion !== undefined && { resourceVersion }),
    };
    try {
      await client.patch(MCP_SERVERS, targetOf(resource), { patch: { metadata, ...before } });
      return;
    } catch (thrown) {
      if (tries === MOST_TRIES || toBerthError(thrown).code !== 'conflict') throw thrown;
    }
    const now = await client.get<McpServer>(MCP_SERVERS, targetOf(resource));
    // One of its name is another one's.
    if (!now || now.metadata.uid !== resource.metadata.uid) return;
    seen = now;
  }
}

function replicasBefore({ metadata, spec }: McpServer): { readonly spec?: { readonly replicas: number } } {
  if ((spec.replicas ?? 1) > 0) return {};
  const before = Number(metadata.annotations?.[REPLICAS_BEFORE]);
  return { spec: { replicas: Number.isInteger(before) && before >= 1 && before <= 10 ? before : 1 } };
}

/** Merges annotations into an MCPServer; null takes one away. */
export async function annotate(
  client: Patcher,
  resource: McpServer,
  annotations: Readonly<Record<string, string | null>>,
): Promise<McpServer> {
  return client.patch<McpServer>(MCP_SERVERS, targetOf(resource), { patch: { metadata: { annotations } } });
}

/** The name of an object, for a call on it. */
export function targetOf({ metadata }: McpServer): { namespace: string | undefined; name: string } {
  return { namespace: metadata.namespace, name: metadata.name ?? '' };
}
