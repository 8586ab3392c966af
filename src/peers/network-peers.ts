/**
 * Peers over the network: one POST to each address that the headless Service of the gateways has. A body is sealed with the keys that
 * all gateways of the release have, so that nobody else can read or make one; the port needs no TLS and no API key.
 */
import { lookup } from 'node:dns/promises';
import {
  Agent,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { OwnSeal } from '../auth/own-seal.ts';
import type { Log } from '../log/log.ts';
import { type Peers, PeerTopics } from './peers.ts';

export const PEERS_PATH = '/peers';

export interface NetworkPeersOptions {
  /** Name of the headless Service. */
  readonly service: string;
  /** Where every gateway takes what it is told. */
  readonly port: number;
  /** Of this gateway, which is told nothing by itself. */
  readonly ownAddress: string | undefined;
  readonly seal: OwnSeal;
  /** Told of every gateway that could not be told; it may be one that has just gone. */
  readonly onFault: (address: string, error: unknown) => void;
  /** All addresses of a name. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

export interface NetworkPeers extends Peers {
  /** Takes what other gateways tell, at {@link PEERS_PATH}. */
  readonly listener: RequestListener;
}

const PURPOSE = 'between gateways';
/** Nothing is said to whom it may be: every gateway may read it. */
const ANYONE = '';
/** Milliseconds for a gateway to answer, the connection included, and for a body to come whole. */
const ANSWER_WITHIN = 4_000;
/** A gateway that has not taken it is told once more. */
const TRIES = 2;
/** What is told at one time, and what waits for its turn. */
const MOST_UNDER_WAY = 64;
const MOST_WAITING = 1_000;
/** Milliseconds by which the clocks of two nodes may differ. What is older was said to somebody else. */
const GOOD_FOR = 5 * 60_000;
/** Bytes of one body, and of all that are being read. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_AT_ONCE = 2 * MOST_BYTES;

/** Whether a gateway that answers so had a use for what it was told. */
const USED: ReadonlyMap<number, boolean> = new Map([
  [200, true],
  [204, false],
]);

interface Told {
  readonly at: number;
  readonly topic: string;
  readonly content: unknown;
}

export function createNetworkPeers(options: NetworkPeersOptions): NetworkPeers {
  const { seal, onFault, resolve = addressesOf, now = Date.now } = options;
  const topics = new PeerTopics();
  // Its own, as the global one may go through a proxy.
  const agent = new Agent({ keepAlive: false });

  const turns = new Turns();

  const tellOne = async (address: string, body: string): Promise<boolean> => {
    for (let tries = 1; ; tries++) {
      try {
        const status = await post({ address, port: options.port, agent, body });
        if (USED.has(status)) return USED.get(status) === true;
        throw new Error(`it answered ${status}`);
      } catch (error) {
        if (tries < TRIES) continue;
        onFault(address, error);
        return false;
      }
    }
  };
  const tellAll = async (told: Omit<Told, 'at'>): Promise<boolean> => {
    const content: Told = { at: now(), ...told };
    const body = seal.seal(PURPOSE, ANYONE, Buffer.from(JSON.stringify(content)));
    const others = (await resolve(options.service)).filter((address) => address !== options.ownAddress);
    return (await Promise.all(others.map((address) => tellOne(address, body)))).includes(true);
  };
  return {
    onTold: (topic, listener) => topics.on(topic, listener),
    async tell(topic, content) {
      try {
        return await turns.take(() => tellAll({ topic, content }));
      } catch (error) {
        onFault(options.service, error);
        return false;
      }
    },
    listener: createListener((text) => {
      const plain = seal.open(PURPOSE, ANYONE, text);
      if (!plain) return 403;
      const { at, topic, content } = JSON.parse(plain.toString()) as Told;
      if (Math.abs(now() - at) > GOOD_FOR) return 403;
      return topics.tell(topic, content) ? 200 : 204;
    }),
  };
}

/** Undefined for a gateway that is the only one. */
export function openPeers(
  settings: { readonly peers?: string | undefined; readonly metricsPort: number },
  { seal, log }: { readonly seal: OwnSeal; readonly log: Log },
): NetworkPeers | undefined {
  const { peers: service, metricsPort: port } = settings;
  if (service === undefined) return undefined;
  if (port === 0) {
    log.warn('peers has no effect without metricsPort, where gateways hear of each other');
    return undefined;
  }
  return createNetworkPeers({
    ...{ service, port, seal, ownAddress: process.env.POD_IP },
    onFault: (address, error) => log.debug({ address, error }, 'another gateway could not be told'),
  });
}

async function addressesOf(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

interface Post {
  readonly address: string;
  readonly port: number;
  readonly agent: Agent;
  readonly body: string;
}

/** The status of the answer. */
function post({ address: host, port, agent, body }: Post): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) };
    const signal = AbortSignal.timeout(ANSWER_WITHIN);
    send({ host, port, path: PEERS_PATH, method: 'POST', agent, headers, signal })
      .once('error', reject)
      .once('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
      .end(body);
  });
}

/** So much at one time, and so much that waits for it. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length >= MOST_WAITING) throw new Error('too much is to be told');
    if (this.#underWay < MOST_UNDER_WAY) this.#underWay++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#underWay--;
    }
  }
}

/** `take`: the status for a text. Only what has come counts, and it has to come soon. */
function createListener(take: (text: string) => number): RequestListener {
  let held = 0;
  return (request, response) => {
    if (request.method !== 'POST') return refuse(request, response, 405);
    if (!(Number(request.headers['content-length']) <= MOST_BYTES)) return refuse(request, response, 413);
    const chunks: Buffer[] = [];
    let own = 0;
    const late = setTimeout(() => request.destroy(), ANSWER_WITHIN);
    const over = (): void => {
      clearTimeout(late);
      held -= own;
      own = 0;
    };
    request.once('close', over);
    request.on('data', (chunk: Buffer) => {
      if (response.headersSent) return;
      own += chunk.length;
      held += chunk.length;
      chunks.push(chunk);
      if (held <= MOST_AT_ONCE) return;
      chunks.length = 0;
      over();
      refuse(request, response, 503);
    });
    request.once('end', () => {
      if (response.headersSent) return;
      response.writeHead(statusOf(take, Buffer.concat(chunks).toString('latin1'))).end();
    });
  };
}

function statusOf(take: (text: string) => number, text: string): number {
  try {
    return take(text);
  } catch {
    return 500;
  }
}

function refuse(request: IncomingMessage, response: ServerResponse, status: number): void {
  request.resume();
  response.writeHead(status, { Connection: 'close' }).end();
}
