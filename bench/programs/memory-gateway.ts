/** A gateway and its supervisor in one process, with servers on in-memory channels: what a session costs where no process does. */
import { randomBytes } from 'node:crypto';
import { KeyStore } from '../../src/auth/keys.ts';
import { createSealer } from '../../src/auth/seal.ts';
import { createMemoryChannel } from '../../src/channels/memory.ts';
import { createGateway } from '../../src/gateway.ts';
import { createInProcessLink } from '../../src/link/in-process.ts';
import { createReplicaRouter } from '../../src/link/router.ts';
import type { ServerDefinition } from '../../src/supervisor/server-definition.ts';
import type { ProcessExit, ServerProcess } from '../../src/supervisor/server-process.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';

/** The argument of the program, as JSON. */
export interface MemoryGateway {
  readonly definition: ServerDefinition;
  /** For the gateway's keys. */
  readonly dataDir: string;
}

const RESULT = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: {} },
  serverInfo: { name: 'bench-memory', version: '1.0.0' },
};
const LIMITS = {
  messageBytes: 4 * 1024 * 1024,
  openBodyBytes: 256 * 1024 * 1024,
  batch: 100,
  depth: 64,
  elements: 100_000,
  headers: 100,
  connections: 20_000,
};

let lastPid = 0;

/** A server that answers `initialize` and nothing else. */
function startMemoryServer(): ServerProcess {
  const { channel, server } = createMemoryChannel();
  const exited = Promise.withResolvers<ProcessExit>();
  let exit: ProcessExit | undefined;
  server.receive((bytes) => {
    const { id, method } = JSON.parse(bytes.toString()) as { id?: number; method?: string };
    if (method === 'initialize') server.send({ jsonrpc: '2.0', id, result: RESULT });
  });
  return {
    pid: ++lastPid,
    channel,
    startedAt: performance.now(),
    stderrTail: () => [],
    get exit() {
      return exit;
    },
    exited: exited.promise,
    stop: () => {
      exit ??= { code: 0, signal: null };
      exited.resolve(exit);
      server.end();
      return exited.promise;
    },
  };
}

async function main(): Promise<void> {
  const { definition, dataDir } = JSON.parse(process.argv[2] ?? '') as MemoryGateway;
  const supervisor = new Supervisor({
    source: () => ({ acquire: async () => startMemoryServer(), close: async () => {} }),
  });
  supervisor.define(definition);
  const router = createReplicaRouter();
  router.set(definition.id, [{ name: 'memory', link: createInProcessLink(supervisor) }]);
  const front = createGateway({
    settings: { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [], cors: true, limits: LIMITS },
    keys: new KeyStore({ dataDir, configured: [] }),
    sealer: createSealer({
      keys: [{ name: randomBytes(4).toString('base64url'), secret: randomBytes(32) }],
    }),
    directory: {
      find: (name) => (name === definition.name ? { ...definition, state: 'running' } : undefined),
    },
    router,
    control: (_request, response) => response.writeHead(404).end(),
  });
  const { port } = await front.listen(0, '127.0.0.1');
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}

await main();
