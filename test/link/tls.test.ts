import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { connectTls } from '../../src/link/tls-connect.ts';
import { CONNECT_LIMIT, type TlsIdentity } from '../../src/link/tls-identity.ts';
import { listenTls, type TlsListener } from '../../src/link/tls-listen.ts';
import { linkContract } from '../contract/link.ts';
import { belongs, certificate } from '../support/certificates.ts';
import { until } from './waiting.ts';

const GATEWAY = 'gateway.berth';
const SUPERVISOR = 'web.servers.berth';
const HOST = '127.0.0.1';
const ca = certificate({ name: 'Berth test' });
const never = new AbortController().signal;

/** Who has the certificate `name` for one end of a link, or for both. */
function identity(name: string, more: { days?: number; usage?: 'server' | 'client' } = {}): TlsIdentity {
  const { cert, key } = certificate({ name, issuer: ca, ...more });
  return { cert, key, ca: ca.cert };
}

linkContract('TLS', async (host) => {
  const server = createLinkServer(host);
  const listener = await listenTls({
    address: { host: HOST, port: 0 },
    peerName: GATEWAY,
    identity: identity(SUPERVISOR),
    accept: (stream) => server.serve(stream),
  });
  const address = { host: HOST, port: listener.port };
  const gateway = identity(GATEWAY);
  const links: Link[] = [];
  return {
    link: () => {
      const instance = `gateway-${links.length}`;
      const connect = (signal: AbortSignal) =>
        connectTls({ address, peerName: SUPERVISOR, identity: gateway, signal });
      const link = createSocketLink({ connect, instance });
      links.push(link);
      return link;
    },
    close: async () => {
      await Promise.all(links.map((link) => link.close()));
      await server.close();
      await listener.close();
    },
  };
});

describe('the TLS carrier', () => {
  let listener: TlsListener | undefined;
  let silent: Server | undefined;
  const streams: Duplex[] = [];
  const accepted: Duplex[] = [];
  /** By the newest listener. */
  let refused: string[] = [];

  beforeAll(() => {
    expect(belongs(ca)).toBe(true);
  });
  afterEach(async () => {
    for (const stream of [...streams.splice(0), ...accepted.splice(0)]) stream.destroy();
    await listener?.close();
    await listener?.close();
    listener = undefined;
    silent?.close();
    silent = undefined;
  });

  const listen = async (own = identity(SUPERVISOR), port = 0): Promise<TlsListener> => {
    const reasons: string[] = [];
    refused = reasons;
    return await listenTls({
      address: { host: HOST, port },
      peerName: GATEWAY,
      identity: own,
      accept: (stream) => accepted.push(stream),
      onRefused: (reason) => reasons.push(reason),
    });
  };
  const serve = async (own?: TlsIdentity): Promise<void> => {
    listener = await listen(own);
  };
  const open = async (own = identity(GATEWAY)): Promise<Duplex> => {
    const address = { host: HOST, port: listener?.port ?? 0 };
    const stream = await connectTls({ address, peerName: SUPERVISOR, identity: own, signal: never });
    streams.push(stream);
    return stream;
  };
  /** What is written on one side comes out on the other. */
  const echoes = async (stream: Duplex): Promise<void> => {
    await until('the connection', () => accepted.length > 0);
    const peer = accepted.at(-1);
    if (peer && peer.listenerCount('data') === 0) peer.pipe(peer);
    stream.write('there and back');
    expect(String((await once(stream, 'data'))[0])).toBe('there and back');
  };

  it('carries bytes both ways between those who know each other', async () => {
    await serve();
    await echoes(await open());
    expect(refused).toEqual([]);
  });

  it('gives on what the peer says at once', async () => {
    listener = await listenTls({
      address: { host: HOST, port: 0 },
      peerName: GATEWAY,
      identity: identity(SUPERVISOR),
      accept: (stream) => {
        accepted.push(stream);
        stream.write('welcome');
      },
    });
    const stream = await open();
    expect(String((await once(stream, 'data'))[0])).toBe('welcome');
  });

  it.each([
    ['has another name', () => identity('other.servers.berth'), /that of somebody else/],
    ['has expired', () => identity(SUPERVISOR, { days: -1 }), /has expired/],
    ['is signed by somebody else', () => stranger(SUPERVISOR), /of another authority/],
    ["is a gateway's", () => identity(SUPERVISOR, { usage: 'client' }), /for the other end of a link/],
  ])('does not talk to a supervisor whose certificate %s, and says so', async (_name, own, why) => {
    await serve(own());
    await expect(open()).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringMatching(why),
      details: { hint: expect.stringContaining('certificates') },
    });
    await expect(open()).rejects.toThrow(`${HOST}:${listener?.port}`);
    expect(accepted).toHaveLength(0);
  });

  it.each([
    ['is that of another supervisor', () => identity('other.servers.berth'), /that of somebody else/],
    ['has expired', () => identity(GATEWAY, { days: -1 }), /has expired/],
    ['is signed by somebody else', () => ({ ...stranger(GATEWAY), ca: ca.cert }), /of another authority/],
    ["is a supervisor's", () => identity(GATEWAY, { usage: 'server' }), /for the other end of a link/],
  ])('does not serve a client whose certificate %s, and tells both why', async (_name, own, why) => {
    await serve();
    await expect(open(own())).rejects.toThrow(/does not accept our certificate; its log says why/);
    expect(refused).toEqual([expect.stringMatching(why)]);
    expect(accepted).toHaveLength(0);
  });

  it('does not serve a client without a certificate, and tells both why', async () => {
    await serve();
    const nobody = { ca: ca.cert } as TlsIdentity;
    await expect(open(nobody)).rejects.toThrow(/wants a certificate, and has been shown none/);
    expect(refused).toEqual([expect.stringMatching(/has shown no certificate/)]);
    expect(accepted).toHaveLength(0);
  });

  it('does not serve one that speaks no link, or no TLS', async () => {
    await serve();
    const port = listener?.port ?? 0;
    const { cert, key } = identity(GATEWAY);
    const trust = { host: HOST, port, ca: ca.cert, servername: SUPERVISOR, cert, key };
    const plain = createConnection({ host: HOST, port });
    plain.write('GET / HTTP/1.1\r\n\r\n');
    const sockets = [connect(trust), connect({ ...trust, ALPNProtocols: ['http/1.1'] }), plain];
    for (const socket of sockets) {
      streams.push(socket);
      socket.on('error', () => {});
      socket.resume();
    }
    await until('the ends', () => sockets.every(({ destroyed }) => destroyed));
    expect(accepted).toHaveLength(0);
    expect(refused).toHaveLength(3);
    // It goes on serving.
    await echoes(await open());
  });

  it('uses renewed certificates from the next connection on', async () => {
    await serve(identity(SUPERVISOR, { days: -1 }));
    await expect(open(identity(GATEWAY, { days: -1 }))).rejects.toMatchObject({ code: 'busy' });
    listener?.renew(identity(SUPERVISOR));
    await echoes(await open());
  });

  it('lets a connection live on when the certificates under it are renewed, by another authority too', async () => {
    await serve();
    const old = await open();
    await echoes(old);
    const next = certificate({ name: 'Berth test, the next' });
    const renewed = (name: string): TlsIdentity => ({
      ...certificate({ name, issuer: next }),
      ca: `${next.cert}${ca.cert}`,
    });
    listener?.renew(renewed(SUPERVISOR));
    await echoes(old);
    // A gateway that trusts both reaches it, whichever of the two has signed its own certificate.
    await open({ ...identity(GATEWAY), ca: `${ca.cert}${next.cert}` });
    await open(renewed(GATEWAY));
    // One that has not heard of the new authority does not.
    await expect(open()).rejects.toThrow(/of another authority/);
    await echoes(old);
    expect(refused).toEqual([expect.stringMatching(/may not trust our certificate/)]);
  });

  it('gives up a peer that does not answer', async () => {
    const sockets: Socket[] = [];
    silent = createServer((socket) => sockets.push(socket)).listen(0, HOST);
    await once(silent, 'listening');
    const clock = new ManualClock();
    const { port } = silent.address() as { port: number };
    const address = { host: HOST, port };
    const options = { address, peerName: SUPERVISOR, identity: identity(GATEWAY), clock };
    const failed = connectTls({ ...options, signal: never }).catch((error: unknown) => error);
    await until('the connection', () => sockets.length > 0);
    clock.advance(CONNECT_LIMIT);
    expect(await failed).toMatchObject({ code: 'busy', message: expect.stringContaining('10 s') });

    const asking = new AbortController();
    const aborted = connectTls({ ...options, signal: asking.signal });
    asking.abort(new Error('no longer wanted'));
    await expect(aborted).rejects.toThrow('no longer wanted');
    await expect(connectTls({ ...options, signal: asking.signal })).rejects.toThrow('no longer wanted');
    for (const socket of sockets) socket.destroy();
  });

  it('says when the port is taken, or nobody is there', async () => {
    await serve();
    const port = listener?.port ?? 0;
    await expect(listen(identity(SUPERVISOR), port)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`${port}`),
    });
    await listener?.close();
    await expect(open()).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

function stranger(name: string): TlsIdentity {
  const other = certificate({ name: 'Berth test' });
  const { cert, key } = certificate({ name, issuer: other });
  return { cert, key, ca: other.cert };
}
