/** The real data plane over real processes, started in the test's own program on a free loopback port. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGuard, type Guard } from '../../src/auth/guard.ts';
import { KeyStore } from '../../src/auth/keys.ts';
import { createSealer } from '../../src/auth/seal.ts';
import type { Clock } from '../../src/clock.ts';
import { createGateway } from '../../src/gateway.ts';
import { createInProcessLink } from '../../src/link/in-process.ts';
import type { Link } from '../../src/link/link.ts';
import { createReplicaRouter } from '../../src/link/router.ts';
import { createLocalHost, type LocalHost } from '../../src/runtimes/local-host.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { type AskServer, ServerCalls } from '../../src/servers/server-calls.ts';
import type { Era } from '../../src/supervisor/handshake-report.ts';
import { createProcessTable } from '../../src/supervisor/process-table.ts';
import {
  DEFAULT_LIMITS,
  type Isolation,
  type RemoteTarget,
  type ServerDefinition,
  type ServerLimits,
} from '../../src/supervisor/server-definition.ts';
import type { Directory } from '../../src/transports/context.ts';
import { createOwnCalls } from '../../src/transports/own-calls.ts';
import type { Certificate } from './certificates.ts';

export interface TestServer {
  readonly name: string;
  /** How to start its process, unless it runs elsewhere. */
  readonly launch?: {
    readonly file: string;
    readonly args: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
  };
  /** Where it runs. */
  readonly remote?: { readonly url: string; readonly transport?: RemoteTarget['transport'] };
  readonly isolation?: Isolation;
  readonly sessions?: 'minted' | 'none';
  /** Default: legacy; of a server that runs elsewhere, what it shows to speak. */
  readonly eras?: readonly Era[];
  readonly limits?: Partial<ServerLimits>;
}

export interface TestGateway {
  /** `http://127.0.0.1:PORT/servers/name`; with a certificate `https://localhost:PORT/…`. */
  url(name: string): string;
  /** New connections are shown another certificate. */
  renew(certificate: Certificate): void;
  readonly port: number;
  readonly host: LocalHost;
  readonly ids: ReadonlyMap<string, string>;
  readonly keys: KeyStore;
  close(): Promise<void>;
}

/** What of a gateway is not its data plane, over what that has. */
export type ControlPlane = (plane: {
  readonly guard: Guard;
  readonly ask: AskServer;
  readonly calls: ServerCalls;
}) => RequestListener;

export const TEST_LIMITS = {
  messageBytes: 4 * 1024 * 1024,
  openBodyBytes: 256 * 1024 * 1024,
  batch: 100,
  depth: 64,
  elements: 100_000,
  headers: 100,
  connections: 10_000,
};

/** The data plane alone, over links to wherever the supervisors are: a server by name, and the links to its replicas. */
export async function startFront(options: {
  readonly servers: readonly { readonly definition: ServerDefinition; readonly links: readonly Link[] }[];
  readonly dataDir: string;
  readonly keys?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly control?: ControlPlane;
  readonly certificate?: Certificate;
}): Promise<{
  readonly port: number;
  readonly front: ReturnType<typeof createGateway>;
  readonly keys: KeyStore;
}> {
  const { dataDir, servers } = options;
  const router = createReplicaRouter();
  const definitions = new Map(servers.map(({ definition }) => [definition.name, definition]));
  for (const { definition, links } of servers)
    router.set(
      definition.id,
      links.map((link, index) => ({ name: `replica-${index}`, link })),
    );
  const configured = Object.entries(options.keys ?? {}).map(([name, key]) => ({
    name,
    hash: createHash('sha256').update(key).digest('hex'),
  }));
  const settings = {
    ...{ host: '127.0.0.1', allowedHosts: [], allowedOrigins: [], cors: true, limits: TEST_LIMITS },
  };
  const keys = new KeyStore({ dataDir, configured });
  const sealer = createSealer({
    keys: [{ name: randomBytes(4).toString('base64url'), secret: randomBytes(32) }],
  });
  const directory: Directory = {
    find: (name) => {
      const definition = definitions.get(name);
      return definition && { ...definition, state: 'running' };
    },
  };
  const ask = createOwnCalls({ directory, router, sealer, limits: TEST_LIMITS });
  const nothing: RequestListener = (_request, response) => response.writeHead(404).end();
  const front = createGateway({
    ...{ settings, keys, sealer, directory, router },
    ...(options.clock && { clock: options.clock }),
    ...(options.certificate && { certificate: options.certificate }),
    control:
      options.control?.({
        guard: createGuard(settings, keys),
        ...{ ask, calls: new ServerCalls(ask) },
      }) ?? nothing,
  });
  const { port } = await front.listen(0, '127.0.0.1');
  return { port, front, keys };
}

/** Starts a gateway with the given servers; `keys` are names and plain keys, `clock` is the time of its transports, `hostClock` that of its supervisor. */
export async function startGateway(options: {
  readonly servers: readonly TestServer[];
  readonly keys?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly hostClock?: Clock;
  readonly control?: ControlPlane;
  readonly certificate?: Certificate;
}): Promise<TestGateway> {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-test-'));
  const host = createLocalHost({
    owner: {
      folder: randomBytes(8).toString('hex'),
      pid: process.pid,
      started: createProcessTable().started(process.pid) ?? '0',
    },
    remote: createRemotePolicy(['localhost', '127.0.0.1']),
    ...(options.hostClock && { clock: options.hostClock }),
  });
  const link = createInProcessLink(host.supervisor);
  const definitions: ServerDefinition[] = [];
  for (const server of options.servers) definitions.push(await found(host, toDefinition(server, dataDir)));
  for (const definition of definitions) host.define(definition);
  const { clock, control, certificate } = options;
  const { port, front, keys } = await startFront({
    servers: definitions.map((definition) => ({ definition, links: [link] })),
    dataDir,
    ...(options.keys && { keys: options.keys }),
    ...(clock && { clock }),
    ...(control && { control }),
    ...(certificate && { certificate }),
  });
  return {
    url: (name) =>
      certificate ? `https://localhost:${port}/servers/${name}` : `http://127.0.0.1:${port}/servers/${name}`,
    renew: (next) => front.renew(next),
    port,
    host,
    keys,
    ids: new Map(definitions.map(({ name, id }) => [name, id])),
    close: async () => {
      await front.close();
      await host.close({ force: true });
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function toDefinition(server: TestServer, dataDir: string): ServerDefinition {
  return {
    id: randomUUID(),
    name: server.name,
    ...runsOf(server, dataDir),
    isolation: server.isolation ?? 'session',
    sessions: server.sessions ?? 'minted',
    ...(server.eras && { eras: server.eras }),
    limits: { ...DEFAULT_LIMITS, ...server.limits },
    secrets: [],
  };
}

function runsOf({ launch, remote }: TestServer, dataDir: string) {
  if (remote) return { remote: { url: remote.url, transport: remote.transport ?? 'auto', headers: {} } };
  if (!launch) throw new Error('a server needs a launch or a place elsewhere');
  const { file, args, env = {}, cwd = dataDir } = launch;
  return { launch: { file, args, env: { PATH: process.env.PATH ?? '', HOME: dataDir, ...env }, cwd } };
}

/** What a start finds out of a server that runs elsewhere. */
async function found(host: LocalHost, definition: ServerDefinition): Promise<ServerDefinition> {
  if (!definition.remote) return definition;
  const { eras, transport = 'auto' } = await host.probe(definition);
  return { ...definition, remote: { ...definition.remote, transport }, ...(eras && { eras }) };
}
