/** A real gateway on a loopback port before in-memory servers, with its time in the test's hands. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeyStore } from '../../src/auth/keys.ts';
import { createSealer, type Sealer } from '../../src/auth/seal.ts';
import { createGateway } from '../../src/gateway.ts';
import { createInProcessLink } from '../../src/link/in-process.ts';
import type { Link } from '../../src/link/link.ts';
import { createReplicaRouter, type ReplicaRouter } from '../../src/link/router.ts';
import type { CallTracer } from '../../src/transports/call-tracer.ts';
import type { Router, ServedServer } from '../../src/transports/context.ts';
import { Harness, type HarnessOptions, type ServerSide } from '../sessions/harness.ts';
import { TEST_LIMITS } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';
import { StreamableClient } from '../support/streamable-client.ts';

export interface FrontOptions extends HarnessOptions {
  readonly keys?: Readonly<Record<string, string>>;
  readonly publicUrl?: string;
  readonly allowedOrigins?: readonly string[];
  readonly limits_?: Partial<typeof TEST_LIMITS>;
  /** Puts something before the link to the harness's supervisor. */
  readonly link?: (link: Link) => Link;
  /** Its sealing keys outlive it, as those of most gateways do. */
  readonly lasting?: boolean;
  readonly tracer?: CallTracer;
  /** Takes the place of the router. */
  readonly route?: (link: Link) => Router['route'];
}

export interface Front {
  readonly harness: Harness;
  readonly port: number;
  /** `http://127.0.0.1:PORT/servers/memory`. */
  readonly base: string;
  /** What the directory says of the server, to be changed by tests. */
  readonly served: {
    /** Another one: the server was removed, and its name taken again. */
    id?: string;
    state: ServedServer['state'];
    failure?: NonNullable<ServedServer['failure']>;
    awaited?: NonNullable<ServedServer['awaited']>;
  };
  readonly sealer: Sealer;
  readonly router: ReplicaRouter;
  /** Takes the server's only replica away. */
  unroute(): void;
  /** A client behind its handshake, and the server's side of its process. */
  session(protocolVersion?: string): Promise<{ client: StreamableClient; server: ServerSide }>;
  /** As a gateway that is told to end, with so many milliseconds for what is in flight. */
  drain(ms: number): Promise<void>;
  close(): Promise<void>;
}

export async function startFront(options: FrontOptions = {}): Promise<Front> {
  const harness = new Harness(options);
  const { definition, clock } = harness;
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-front-'));
  const router = createReplicaRouter();
  const link = createInProcessLink(harness.supervisor);
  router.set(definition.id, [{ name: 'local', link: options.link?.(link) ?? link }]);
  const sealer = createSealer({
    keys: [{ name: randomBytes(4).toString('base64url'), secret: randomBytes(32) }],
    ...(options.lasting !== undefined && { lasting: options.lasting }),
  });
  const served: Front['served'] = { state: 'running' };
  const configured = Object.entries(options.keys ?? {}).map(([name, key]) => ({
    name,
    hash: createHash('sha256').update(key).digest('hex'),
  }));
  const front = createGateway({
    settings: {
      host: '127.0.0.1',
      allowedHosts: [],
      allowedOrigins: options.allowedOrigins ?? [],
      cors: true,
      limits: { ...TEST_LIMITS, ...options.limits_ },
      ...(options.publicUrl !== undefined && { publicUrl: options.publicUrl }),
    },
    keys: new KeyStore({ dataDir, configured }),
    sealer,
    directory: { find: (name) => (name === 'memory' ? { ...definition, ...served } : undefined) },
    router: options.route ? { route: options.route(link), replica: () => link } : router,
    clock,
    ...(options.tracer && { tracer: options.tracer }),
    control: (_request, response) => response.writeHead(404).end(),
  });
  const { port } = await front.listen(0, '127.0.0.1');
  const base = `http://127.0.0.1:${port}/servers/memory`;
  return {
    harness,
    port,
    base,
    served,
    sealer,
    router,
    unroute: () => router.set(definition.id, []),
    session: async (protocolVersion = '2025-11-25') => {
      const at = harness.servers.length;
      const client = new StreamableClient(`${base}/mcp`, { protocolVersion });
      await client.initialize();
      const server = harness.servers[at];
      if (!server) throw new Error('no process was started');
      return { client, server };
    },
    drain: (ms) => front.drain(ms),
    close: async () => {
      await front.close();
      await harness.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Our id of the newest call of a method, once the server has it. */
export async function called(server: ServerSide, method = 'tools/call', times = 1): Promise<unknown> {
  await eventually(`${method} at the server`, () => server.of(method).length >= times);
  return server.id(method);
}
