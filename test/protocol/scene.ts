/** Where features are tried: one kind of client over one transport, in front of a server of one era. */
import { type FixtureEra, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { SPEAKS } from '../support/requirements.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import type { Transport } from '../support/transports.ts';
import { LegacyMatrixClient } from './legacy-client.ts';
import type { MatrixClient } from './matrix-client.ts';
import { ModernMatrixClient, type ModernTransport } from './modern-client.ts';

/** Legacy clients with sessions, legacy clients of a server that keeps none, modern clients. */
export type ClientKind = 'legacy' | 'stateless' | 'modern';

/** The transports that each kind of client speaks. */
export const TRANSPORTS_OF: Readonly<Record<ClientKind, readonly Transport[]>> = {
  legacy: ['streamable-http', 'sse', 'websocket'],
  stateless: ['streamable-http'],
  modern: ['streamable-http', 'websocket'],
};

export interface ConnectOptions {
  readonly capabilities?: Record<string, unknown>;
  readonly protocolVersion?: string;
}

/** One such place, with the clients that were connected there. */
export class Scene {
  readonly kind: ClientKind;
  readonly transport: Transport;
  readonly server: FixtureEra;
  readonly gateway: TestGateway;
  readonly clock: ShiftedClock;
  readonly #clients: MatrixClient[] = [];
  #client: MatrixClient | undefined;

  constructor(
    { gateway, clock }: Stage,
    { kind, transport, server }: { kind: ClientKind; transport: Transport; server: FixtureEra },
  ) {
    this.gateway = gateway;
    this.clock = clock;
    this.kind = kind;
    this.transport = transport;
    this.server = server;
  }

  /** The era in which the server is spoken to. */
  get serverEra(): 'legacy' | 'modern' {
    if (this.server !== 'dual') return this.server;
    return this.kind === 'modern' ? 'modern' : 'legacy';
  }

  get base(): string {
    return this.gateway.url(this.name);
  }

  get name(): string {
    return this.kind === 'stateless' ? `${this.server}-stateless` : this.server;
  }

  /** The client that most features are tried on; it can be asked everything. */
  async client(): Promise<MatrixClient> {
    this.#client ??= await this.connect();
    return this.#client;
  }

  /** A further client, closed with the scene. */
  async connect(options: ConnectOptions = {}): Promise<MatrixClient> {
    const { base, transport, kind } = this;
    const client =
      kind === 'modern'
        ? await ModernMatrixClient.connect(base, transport as ModernTransport, options)
        : await LegacyMatrixClient.connect(base, { transport, ...options });
    this.#clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** A gateway with every server of the matrix. */
export interface Stage {
  readonly gateway: TestGateway;
  readonly clock: ShiftedClock;
}

/** Starts a gateway with the fixture in each era, with sessions and without. */
export async function openStage(): Promise<Stage> {
  const clock = new ShiftedClock();
  const servers = (['legacy', 'modern', 'dual'] as const).flatMap((era) => {
    const server = { name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] };
    return [server, { ...server, name: `${era}-stateless`, sessions: 'none' as const }];
  });
  return { clock, gateway: await startGateway({ servers, hostClock: clock }) };
}
