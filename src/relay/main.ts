/** The relay: a URL of an MCP server, served to the one client that has started this program, on its standard streams. */
import { randomBytes, randomUUID } from 'node:crypto';
import { createSealKey } from '../auth/key-ring.ts';
import { LOCAL_PRINCIPAL } from '../auth/principal.ts';
import { createSealer } from '../auth/seal.ts';
import { toBerthError } from '../errors.ts';
import { createInProcessLink } from '../link/in-process.ts';
import { createLocalHost, type LocalHost } from '../runtimes/local-host.ts';
import { createRemotePolicy } from '../servers/remote-policy.ts';
import { loadSettings } from '../settings/load.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import { createProcessTable } from '../supervisor/process-table.ts';
import type { RemoteTarget, ServerDefinition } from '../supervisor/server-definition.ts';
import { type StdioEnd, type StdioStreams, serveStdio } from '../transports/stdio.ts';

const NAME = 'relay';
const REPLICA = 'local';
const NONCE_BYTES = 18;
const ERAS: readonly Era[] = ['modern', 'legacy'];

export interface RelayOptions extends StdioStreams {
  readonly url: string;
  readonly transport?: RemoteTarget['transport'];
  /** With their values, which are secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** What stands in no error and no log. */
  readonly secrets: readonly string[];
  /** Known to speak both eras: nothing is tried before the client says something. */
  readonly both: boolean;
  /** Ends the relay. */
  readonly signal: AbortSignal;
}

/** Resolves when the client has left. Rejects with why the URL cannot be spoken to, before anything is read. */
export async function runRelay(options: RelayOptions): Promise<StdioEnd> {
  const { limits } = loadSettings({ env: process.env });
  const started = createProcessTable().started(process.pid) ?? '0';
  const host = createLocalHost({
    owner: { folder: randomBytes(8).toString('hex'), pid: process.pid, started },
    // The person who gave the URL decides where it may be.
    remote: createRemotePolicy([new URL(options.url).hostname]),
  });
  const link = createInProcessLink(host.supervisor);
  try {
    const definition = await found(host, define(options, limits), options);
    host.define(definition);
    let count = 0;
    const plane = {
      limits,
      sealer: createSealer({ keys: [createSealKey()], lasting: false }),
      router: { route: () => ({ replica: REPLICA, link }), replica: () => link },
      nextKey: () => `stdio.${++count}`,
      nextNonce: () => randomBytes(NONCE_BYTES).toString('base64url'),
    };
    const caller = { server: { ...definition, state: 'running' }, principal: LOCAL_PRINCIPAL };
    return await Promise.race([serveStdio(plane, caller, options), aborted(options.signal)]);
  } finally {
    await host.close();
  }
}

/** What the server speaks; each era that it does is relayed as it is. */
async function found(
  host: LocalHost,
  definition: ServerDefinition & { readonly remote: RemoteTarget },
  { both, signal }: RelayOptions,
): Promise<ServerDefinition> {
  if (both) return { ...definition, eras: ERAS };
  const tries = await Promise.allSettled(
    ERAS.map((era) => host.probe({ ...definition, eras: [era] }, signal, { quiet: true })),
  );
  const eras = ERAS.filter((_, index) => tries[index]?.status === 'fulfilled');
  const [modern, legacy] = tries;
  const report = [modern, legacy].find((one) => one?.status === 'fulfilled');
  // The answer to `initialize` says more to most people than that to a request of the newest revision.
  if (report?.status !== 'fulfilled')
    throw toBerthError(legacy?.status === 'rejected' ? legacy.reason : undefined);
  const { transport = definition.remote.transport } = report.value;
  return { ...definition, eras, remote: { ...definition.remote, transport } };
}

function define(
  { url, transport = 'auto', headers, secrets }: RelayOptions,
  limits: ServerDefinition['limits'],
): ServerDefinition & { readonly remote: RemoteTarget } {
  return {
    id: randomUUID(),
    name: NAME,
    remote: { url, transport, headers },
    isolation: 'session',
    sessions: 'minted',
    limits: { ...limits, sessionsPerPrincipal: limits.sessions },
    secrets,
  };
}

function aborted(signal: AbortSignal): Promise<StdioEnd> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve({ reason: 'left' });
    signal.addEventListener('abort', () => resolve({ reason: 'left' }), { once: true });
  });
}
