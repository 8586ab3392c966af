import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import {
  CONNECT_LIMIT,
  connectTls,
  listenTls,
  type TlsIdentity,
  type TlsListener,
} from '../../src/link/tls-carrier.ts';
import { linkContract } from '../contract/link.ts';
import { belongs, certificate } from '../support/certificates.ts';
import { until } from './waiting.ts';

const GATEWAY = 'gateway.berth';
const SUPERVISOR = 'web.servers.berth';
const HOST = '127.0.0.1';
const ca = certificate({ name: 'Berth test' });
const never = new AbortController().signal;

/** Who has the certificate `name` and wants to talk to `peerName`. */
function identity(name: string, peerName: string, days = 30): TlsIdentity {
  const { cert, key } = certificate({ name, issuer: ca, days });
  return { cert, key, ca: ca.cert, peerName };
}

linkContract('TLS', async (host) => {
  const server = createLinkServer(host);
  const own = identity(SUPERVISOR, GATEWAY);
  const listener = await listenTls({ host: HOST, port: 0 }, own, (stream) => server.serve(stream));
  const address = { host: HOST, port: listener.port };
  const gateway = identity(GATEWAY, SUPERVISOR);
  const links: Link[] = [];
  return {
    link: () => {
      const instance = `gateway-${links.length}`;
      const connect = (signal: AbortSignal) => connectTls({ address, identity: () => gateway, signal });
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

  const listen = async (own = identity(SUPERVISOR, GATEWAY)): Promise<void> => {
    listener = await listenTls({ host: HOST, port: 0 }, own, (stream) => {
      stream.on('error', () => {});
      accepted.push(stream);
    });
  };
  const open = async (own: TlsIdentity, clock?: ManualClock): Promise<Duplex> => {
    const address = { host: HOST, port: listener?.port ?? 0 };
    const stream = await connectTls({
      address,
      identity: () => own,
      signal: never,
      ...(clock ? { clock } : {}),
    });
    streams.push(stream);
    return stream;
  };
  /** TLS 1.3 tells a client that it is refused only when it reads. */
  const isRefused = async (own: TlsIdentity): Promise<void> => {
    const stream = await open(own);
    await until('the end', () => stream.destroyed || stream.readableEnded);
    expect(accepted).toHaveLength(0);
  };

  it('carries bytes both ways between those who know each other', async () => {
    await listen();
    const stream = await open(identity(GATEWAY, SUPERVISOR));
    await until('the connection', () => accepted.length > 0);
    accepted[0]?.pipe(accepted[0]);
    stream.write('there and back');
    expect(String((await once(stream, 'data'))[0])).toBe('there and back');
  });

  it.each([
    ['has another name', () => identity('other.servers.berth', GATEWAY)],
    ['has expired', () => identity(SUPERVISOR, GATEWAY, -1)],
    ['is signed by somebody else', () => stranger(SUPERVISOR, GATEWAY)],
  ])('does not talk to a supervisor whose certificate %s', async (_name, own) => {
    await listen(own());
    await expect(open(identity(GATEWAY, SUPERVISOR))).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining(`${HOST}:${listener?.port}`),
    });
    expect(accepted).toHaveLength(0);
  });

  it.each([
    ['is that of another supervisor', () => identity('other.servers.berth', SUPERVISOR)],
    ['has expired', () => identity(GATEWAY, SUPERVISOR, -1)],
    ['is signed by somebody else', () => ({ ...stranger(GATEWAY, SUPERVISOR), ca: ca.cert })],
  ])('does not serve a client whose certificate %s', async (_name, own) => {
    await listen();
    await isRefused(own());
  });

  it('does not serve a client without a certificate, or one that speaks no link, or no TLS', async () => {
    await listen();
    const port = listener?.port ?? 0;
    const good = identity(GATEWAY, SUPERVISOR);
    const trust = { host: HOST, port, ca: ca.cert, servername: SUPERVISOR };
    const own = { cert: good.cert, key: good.key };
    const plain = createConnection({ host: HOST, port });
    plain.write('GET / HTTP/1.1\r\n\r\n');
    const sockets = [
      connect({ ...trust, ALPNProtocols: ['berth-link'] }),
      connect({ ...trust, ...own }),
      connect({ ...trust, ...own, ALPNProtocols: ['http/1.1'] }),
      plain,
    ];
    for (const socket of sockets) {
      streams.push(socket);
      socket.on('error', () => {});
      socket.resume();
    }
    await until('the ends', () => sockets.every(({ destroyed }) => destroyed));
    expect(accepted).toHaveLength(0);
    // It goes on serving.
    await open(good);
    await until('the connection', () => accepted.length > 0);
  });

  it('uses renewed certificates from the next connection on', async () => {
    await listen(identity(SUPERVISOR, GATEWAY, -1));
    let own = identity(GATEWAY, SUPERVISOR, -1);
    const address = { host: HOST, port: listener?.port ?? 0 };
    const again = () => connectTls({ address, identity: () => own, signal: never });
    await expect(again()).rejects.toMatchObject({ code: 'busy' });
    listener?.renew(identity(SUPERVISOR, GATEWAY));
    own = identity(GATEWAY, SUPERVISOR);
    streams.push(await again());
    await until('the connection', () => accepted.length > 0);
  });

  it('gives up a peer that does not answer', async () => {
    const sockets: Socket[] = [];
    silent = createServer((socket) => sockets.push(socket)).listen(0, HOST);
    await once(silent, 'listening');
    const clock = new ManualClock();
    const { port } = silent.address() as { port: number };
    const options = { address: { host: HOST, port }, identity: () => identity(GATEWAY, SUPERVISOR), clock };
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

  it('says when the address is taken, or nobody is there', async () => {
    await listen();
    const port = listener?.port ?? 0;
    await expect(
      listenTls({ host: HOST, port }, identity(SUPERVISOR, GATEWAY), () => {}),
    ).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
    await listener?.close();
    await expect(open(identity(GATEWAY, SUPERVISOR))).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});

function stranger(name: string, peerName: string): TlsIdentity {
  const other = certificate({ name: 'Berth test' });
  const { cert, key } = certificate({ name, issuer: other });
  return { cert, key, ca: other.cert, peerName };
}
