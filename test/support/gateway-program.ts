/** A gateway as a program of its own, that a test can kill: its one server runs under a supervisor on a unix socket. */
import { KeyStore } from '../../src/auth/keys.ts';
import { createSealer } from '../../src/auth/seal.ts';
import { createGateway } from '../../src/gateway.ts';
import { createReplicaRouter } from '../../src/link/router.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { connectUnixSocket } from '../../src/link/unix-socket.ts';
import { TEST_LIMITS } from './gateway.ts';

/** The argument of the program, as JSON. */
export interface GatewayProgram {
  /** Of the supervisor. */
  readonly socket: string;
  readonly dataDir: string;
  readonly instance: string;
  readonly server: { readonly id: string; readonly name: string };
  readonly seal: { readonly name: string /** base64url */; readonly secret: string };
}

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? '') as GatewayProgram;
  const { socket, dataDir, instance, server, seal } = options;
  const link = createSocketLink({ connect: (signal) => connectUnixSocket(socket, signal), instance });
  const router = createReplicaRouter();
  router.set(server.id, [{ name: 'replica', link }]);
  const front = createGateway({
    settings: { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [], cors: true, limits: TEST_LIMITS },
    keys: new KeyStore({ dataDir, configured: [] }),
    sealer: createSealer({ keys: [{ name: seal.name, secret: Buffer.from(seal.secret, 'base64url') }] }),
    directory: {
      find: (name) =>
        name === server.name
          ? { ...server, state: 'running', isolation: 'session', sessions: 'minted' }
          : undefined,
    },
    router,
    control: (_request, response) => response.writeHead(404).end(),
  });
  const { port } = await front.listen(0, '127.0.0.1');
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}

if (process.argv[1] === import.meta.filename) await main();
