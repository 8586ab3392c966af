/** Gateways that tell each other over real HTTP, each at an address of its own. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, request as send } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createNetworkPeers, type NetworkPeers, PEERS_PATH } from '../../src/peers/network-peers.ts';
import { ownSeal } from '../support/own-seal.ts';

const OWN = '127.0.0.1';
const OTHERS = ['127.0.0.2', '127.0.0.3'];
const HOUR = 3_600_000;

const servers: Server[] = [];
afterEach(async () => {
  for (const one of servers.splice(0)) {
    one.close();
    one.closeAllConnections();
    await once(one, 'close');
  }
});

interface Gateway {
  readonly peers: NetworkPeers;
  readonly faults: string[];
}

/** Gateways at all of these addresses, and the port that all of them have. */
async function start(
  addresses: readonly string[],
  { seal = ownSeal(), named = addresses, now = Date.now, service = 'gateways' } = {},
) {
  const port = await freePort(addresses);
  const gateways: Gateway[] = [];
  for (const ownAddress of addresses) {
    const faults: string[] = [];
    const peers = createNetworkPeers({
      ...{ service, port, ownAddress, seal },
      now: ownAddress === OWN ? now : Date.now,
      resolve: (name) => {
        expect(name).toBe('gateways');
        return Promise.resolve(named);
      },
      onFault: (address, error) => faults.push(`${address}: ${error}`),
    });
    const server = createServer(peers.listener).listen(port, ownAddress);
    servers.push(server);
    await once(server, 'listening');
    gateways.push({ peers, faults });
  }
  return { port, gateways: gateways as [Gateway, ...Gateway[]] };
}

/** One that is free at all of the addresses just now. */
async function freePort(addresses: readonly string[]): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    const port = 20_000 + (randomBytes(2).readUInt16BE() % 10_000);
    const taken = await Promise.all(addresses.map((address) => isTaken(port, address)));
    if (!taken.includes(true)) return port;
  }
  throw new Error('no port is free');
}

function isTaken(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen(port, address, () => server.close(() => resolve(false)));
  });
}

function post(port: number, body: string, headers: Record<string, string> = {}, method = 'POST') {
  return new Promise<number | undefined>((resolve, reject) => {
    send({ host: OWN, port, path: PEERS_PATH, method, headers })
      .once('error', reject)
      .once('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      })
      .end(body);
  });
}

describe('what a gateway tells', () => {
  it('all others hear, itself excepted, and it learns whether one had a use for it', async () => {
    const { gateways } = await start([OWN, ...OTHERS]);
    const heard: unknown[] = [];
    for (const [index, { peers }] of gateways.entries())
      peers.onTold('sessions', (content) => {
        heard.push([index, content]);
        return index === 2;
      });
    expect(await gateways[0].peers.tell('sessions', { id: 'é', bytes: 'x'.repeat(100_000) })).toBe(true);
    expect(heard.map((one) => (one as [number])[0]).sort()).toEqual([1, 2]);
    expect(heard).toContainEqual([2, { id: 'é', bytes: 'x'.repeat(100_000) }]);
    expect(await gateways[2]?.peers.tell('sessions', {})).toBe(false);
    expect(await gateways[0].peers.tell('something else', {})).toBe(false);
    expect(gateways.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('reaches the others when one of them is gone, which is told', async () => {
    const { gateways } = await start([OWN, '127.0.0.2'], { named: [OWN, '127.0.0.9', '127.0.0.2'] });
    gateways[1]?.peers.onTold('sessions', () => true);
    expect(await gateways[0].peers.tell('sessions', {})).toBe(true);
    expect(gateways[0].faults).toEqual([expect.stringContaining('127.0.0.9: Error: connect ECONNREFUSED')]);
  });

  it('is told by nobody any more who has gone', async () => {
    const { gateways } = await start([OWN, '127.0.0.2']);
    gateways[1]?.peers.onTold('sessions', () => true)();
    expect(await gateways[0].peers.tell('sessions', {})).toBe(false);
  });

  it('goes nowhere, without harm, while the name is unknown', async () => {
    const peers = createNetworkPeers({
      ...{ service: 'gateways', port: 1, ownAddress: OWN, seal: ownSeal(), onFault: () => {} },
      resolve: () => Promise.reject(new Error('ENOTFOUND')),
    });
    expect(await peers.tell('sessions', {})).toBe(false);
  });
});

describe('what is heard', () => {
  it('is nothing that others have made, altered, or said long ago', async () => {
    const keys = ownSeal();
    const { port, gateways } = await start([OWN], { seal: keys });
    const heard: unknown[] = [];
    gateways[0].peers.onTold('sessions', (content) => heard.push(content) > 0);
    const sealed = (seal = keys, { purpose = 'between gateways', at = Date.now() } = {}) =>
      seal.seal(purpose, '', Buffer.from(JSON.stringify({ at, topic: 'sessions', content: {} })));
    const good = sealed();
    const bad = [
      'hello',
      sealed(ownSeal()),
      sealed(keys, { purpose: 'a legacy session' }),
      sealed(keys, { at: Date.now() - HOUR }),
      sealed(keys, { at: Date.now() + HOUR }),
      `${good.slice(0, -2)}AA`,
    ];
    for (const body of bad) expect(await post(port, body)).toBe(403);
    expect(heard).toEqual([]);
    expect(await post(port, good)).toBe(200);
    expect(heard).toEqual([{}]);
  });

  it('is bounded', async () => {
    const { port } = await start([OWN]);
    expect(await post(port, 'x', { 'Transfer-Encoding': 'chunked' })).toBe(413);
    expect(await post(port, 'x', { 'Content-Length': '20000000' })).toBe(413);
    expect(await post(port, '', {}, 'GET')).toBe(405);
    expect(await post(port, '')).toBe(403);
    expect(await post(port, 'x'.repeat(2_000_000))).toBe(403);
  });

  it('is not kept away by those who announce much and say nothing, and who are gone soon', async () => {
    const { port, gateways } = await start([OWN, '127.0.0.2']);
    gateways[1]?.peers.onTold('sessions', () => true);
    const silent = Array.from({ length: 8 }, () => {
      const one = send({
        ...{ host: '127.0.0.2', port, path: PEERS_PATH, method: 'POST' },
        headers: { 'Content-Length': '16000000' },
      });
      const gone = new Promise((resolve) => one.once('error', resolve));
      one.write('x');
      return gone;
    });
    expect(await gateways[0].peers.tell('sessions', {})).toBe(true);
    await Promise.all(silent);
    expect(gateways[0].faults).toEqual([]);
  });

  it('is told again where it was refused, and then given up', async () => {
    const { port, gateways } = await start([OWN], { named: [OWN, '127.0.0.2'] });
    const statuses = [503, 200, 503, 503];
    const busy = createServer((request, response) => {
      request.resume();
      response.writeHead(statuses.shift() ?? 500).end();
    }).listen(port, '127.0.0.2');
    servers.push(busy);
    await once(busy, 'listening');
    expect(await gateways[0].peers.tell('sessions', {})).toBe(true);
    expect(gateways[0].faults).toEqual([]);
    expect(await gateways[0].peers.tell('sessions', {})).toBe(false);
    expect(gateways[0].faults).toEqual(['127.0.0.2: Error: it answered 503']);
    expect(statuses).toEqual([]);
  });

  it('comes some at a time, however much there is to tell', async () => {
    const { port, gateways } = await start([OWN], { named: [OWN, '127.0.0.2'] });
    let [now, most, all] = [0, 0, 0];
    const slow = createServer((request, response) => {
      request.resume();
      most = Math.max(most, ++now);
      all++;
      setTimeout(() => {
        now--;
        response.writeHead(200).end();
      }, 5);
    }).listen(port, '127.0.0.2');
    servers.push(slow);
    await once(slow, 'listening');
    const told = await Promise.all(
      Array.from({ length: 1_200 }, () => gateways[0].peers.tell('sessions', {})),
    );
    const [heard, lost] = [told.filter((one) => one).length, told.filter((one) => !one).length];
    expect([heard, lost]).toEqual([1_064, 136]);
    // On a machine that stands still one may be told twice.
    expect(all).toBeGreaterThanOrEqual(1_064);
    expect(most).toBeLessThan(200);
    expect(gateways[0].faults).toHaveLength(136);
  });
});
