/** The connections to one remote server, in the place of a pool of processes. */
import { createHttpAgent, type HttpEndpoint } from '../channels/http-client.ts';
import type { HttpCredential } from '../channels/http-credential.ts';
import { ToolHeaders } from '../channels/tool-headers.ts';
import type { Clock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { RemotePolicy } from '../servers/remote-policy.ts';
import { toWebUrl } from '../servers/remote-url.ts';
import type { LocalProcess } from '../supervisor/process.ts';
import { wantedTransport } from '../supervisor/remote-transport.ts';
import { withHeaderFiles } from '../supervisor/secret-files.ts';
import type { RemoteTarget, ServerDefinition } from '../supervisor/server-definition.ts';
import type { ProcessSource } from '../supervisor/server-process.ts';
import { connectRemote } from './remote-connection.ts';
import { createCheckedLookup, type Resolve } from './remote-lookup.ts';

/** How remote servers are reached. */
export interface RemoteNetwork {
  readonly policy: RemotePolicy;
  readonly clock: Clock;
  /** Instead of the system's look-up. */
  readonly resolve?: Resolve;
  readonly logins?: LoginSource;
}

/** Who has logged in to which server. */
export interface LoginSource {
  /** What the login at a server is worth now, renewed if its time is up; undefined where there is none. */
  credentialOf(
    server: Pick<ServerDefinition, 'id' | 'name'> & { readonly url: string },
  ): Promise<HttpCredential | undefined>;
}

export type RemoteDefinition = Pick<ServerDefinition, 'id' | 'name' | 'limits' | 'secrets'> & {
  readonly remote: RemoteTarget;
};

export interface RemoteSource extends ProcessSource {
  acquire(): Promise<LocalProcess>;
  /** Connections that have not ended. */
  readonly live: number;
}

/** Where a target is; throws `not-allowed` when it may not be connected to. */
export function createRemoteEndpoint(target: RemoteTarget, { policy, resolve }: RemoteNetwork): HttpEndpoint {
  policy.check(new URL(target.url));
  const url = new URL(toWebUrl(target.url));
  const agent = createHttpAgent(url, { lookup: createCheckedLookup(policy, resolve) });
  return { url, headers: target.headers, agent };
}

/** The header that somebody gave counts more than a login. */
export async function credentialOf(
  { id, name, remote: { url, headers, headerFiles = {} } }: RemoteDefinition,
  { logins }: RemoteNetwork,
): Promise<HttpCredential | undefined> {
  const given = [...Object.keys(headers), ...Object.keys(headerFiles)];
  if (given.some((header) => header.toLowerCase() === 'authorization')) return undefined;
  return await logins?.credentialOf({ id, name, url: toWebUrl(url) });
}

/**
 * Every connection has a session of its own at the server; they share TCP connections, and what is known of its tools.
 * `opened` is told of each.
 */
export function createRemoteSource(
  definition: RemoteDefinition,
  network: RemoteNetwork,
  opened: (connection: LocalProcess) => void = () => {},
): RemoteSource {
  const { name, limits, remote } = definition;
  const transport = wantedTransport(remote);
  const live = new Set<LocalProcess>();
  const tools = new ToolHeaders();
  let endpoint: HttpEndpoint | undefined;
  let closed = false;
  const settle = (): void => {
    if (closed && live.size === 0) endpoint?.agent.destroy();
  };
  return {
    get live() {
      return live.size;
    },
    acquire: async () => {
      if (closed) throw new BerthError('stopped', `server ${name} is stopped`);
      const { headers, secrets } = await withHeaderFiles(remote, definition.secrets);
      const credential = await credentialOf(definition, network);
      endpoint ??= createRemoteEndpoint(remote, network);
      const connection = connectRemote({
        endpoint: { ...endpoint, headers, ...(credential && { credential }) },
        transport: transport === 'auto' ? 'streamable-http' : transport,
        maxLineBytes: limits.lineBytes,
        clock: network.clock,
        secrets,
        tools,
      });
      live.add(connection);
      opened(connection);
      void connection.ended.then(() => {
        live.delete(connection);
        settle();
      });
      return connection;
    },
    close: async () => {
      closed = true;
      settle();
    },
  };
}
