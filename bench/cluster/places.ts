/** Where the echo server of the benchmark runs: on this machine, and in pods behind a gateway that reaches them by either carrier. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type RunningRelease, startRelease, type Values } from '../../test/cluster/support/release.ts';
import type { Target } from '../clients/session.ts';
import { ECHO_COMMAND } from '../contestants.ts';
import { GatewayProcess } from '../full/gateway.ts';

export type Carrier = 'exec' | 'network';
export type Who = 'local' | Carrier;

export const CARRIERS: readonly Carrier[] = ['exec', 'network'];
export const WHOS: readonly Who[] = ['local', ...CARRIERS];

/** The servers: a process for each session, the same with a spare one, and one process for all. */
export const SERVERS = ['echo', 'spare', 'crowd'] as const;
export type EchoServer = (typeof SERVERS)[number];

const GATEWAY_PORT = 8053;
const MOST_SESSIONS = 2_000;
const KEY_BYTES = 32;

export interface Place {
  target(server: EchoServer): Target;
}

/** There may be further servers in a cluster. */
export interface ClusterPlace extends Place {
  target(server: string): Target;
  readonly release: RunningRelease;
}

export interface Places {
  readonly local: Place & { readonly gateway: GatewayProcess };
  readonly exec: ClusterPlace;
  readonly network: ClusterPlace;
  close(): Promise<void>;
}

/** All of them stay up side by side; carriers that nothing is wanted of are left out. */
export async function openPlaces(carriers: readonly Carrier[], log: (text: string) => void): Promise<Places> {
  const undo: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const local = await openLocal();
    undo.push(() => local.gateway.close());
    const opened = async (carrier: Carrier) => {
      if (!carriers.includes(carrier)) return absent(carrier);
      log(`a release whose links go by ${carrier}`);
      const release = await startRelease(valuesOf(carrier));
      undo.push(() => release.close());
      return await fill(release);
    };
    return { local, exec: await opened('exec'), network: await opened('network'), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Where nothing is to be measured. */
function absent(carrier: Carrier): ClusterPlace {
  const refuse = (): never => {
    throw new Error(`there is no release whose links go by ${carrier}`);
  };
  return {
    get release() {
      return refuse();
    },
    target: refuse,
  };
}

/** One of everything, so that both releases and what measures them fit on one small node. */
function valuesOf(carrier: Carrier): Values {
  return { gateway: { replicas: 1 }, controller: { replicas: 1 }, link: { carrier } };
}

function limitsOf(server: EchoServer) {
  const spares = server === 'spare' ? 1 : 0;
  return { sessions: MOST_SESSIONS, sessionsPerPrincipal: MOST_SESSIONS, spares };
}

function isolationOf(server: EchoServer): 'shared' | 'session' {
  return server === 'crowd' ? 'shared' : 'session';
}

async function openLocal(): Promise<Places['local']> {
  const key = `berth_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const [file = '', ...args] = ECHO_COMMAND;
  const servers = SERVERS.map((name) => ({
    name,
    launch: { file, args },
    isolation: isolationOf(name),
    limits: limitsOf(name),
  }));
  const gateway = await GatewayProcess.start(servers, { bench: key });
  return { gateway, target: (server) => ({ port: gateway.port, path: `/servers/${server}/mcp`, key }) };
}

/** One of the servers, as a release is asked for it. */
export function echoSpec(name: EchoServer) {
  const code = readFileSync(ECHO_COMMAND[1] ?? '', 'utf8');
  return {
    name,
    source: { script: { runtime: 'node', code } },
    isolation: isolationOf(name),
    limits: limitsOf(name),
  };
}

async function fill(release: RunningRelease): Promise<ClusterPlace> {
  await Promise.all(SERVERS.map((name) => release.run(echoSpec(name))));
  const [gateway] = await release.pods('gateway');
  const address = gateway?.status.podIP;
  if (address === undefined) throw new Error('the gateway has no address');
  return {
    release,
    // Straight to the gateway's pod: a hop on the way would be measured, too.
    target: (server) => ({
      ...{ address, port: GATEWAY_PORT, path: `/servers/${server}/mcp` },
      ...{ host: new URL(release.url).host, key: release.key },
    }),
  };
}
