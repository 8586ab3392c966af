import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ClusterTls } from '../../src/cluster/access.ts';
import { ConnectionFault, HttpPool, readBody } from '../../src/cluster/http-pool.ts';
import { certificate } from '../support/certificates.ts';

const ca = certificate({ name: 'Cluster' });
const own = certificate({ name: 'kube.test', issuer: ca });
const signal = new AbortController().signal;

let server: Server;
let pool: HttpPool;
let connections = 0;

beforeEach(async () => {
  connections = 0;
  pool = new HttpPool();
  server = createServer(
    { ...own, ca: ca.cert, requestCert: true, rejectUnauthorized: true },
    (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN),
  );
  server.on('secureConnection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  pool.close();
  server.close();
});

const tlsOf = (name: string): ClusterTls => {
  const { cert, key } = certificate({ name, issuer: ca });
  return { ca: ca.cert, cert, key, servername: 'kube.test' };
};
const ask = async (tls: ClusterTls): Promise<string> => {
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const answer = await pool.request({ method: 'GET', url, headers: {}, signal }, { headers: {}, tls });
  return readBody(answer, 1_000);
};

it('keeps connections while the credentials are the same, and makes new ones for a renewed certificate', async () => {
  const first = tlsOf('first');
  for (let round = 0; round < 5; round++) expect(await ask({ ...first })).toBe('first');
  expect(connections).toBe(1);
  expect(await ask(tlsOf('second'))).toBe('second');
  expect(connections).toBe(2);
});

it('trusts nobody but the authority and the name that it was told', async () => {
  const other = certificate({ name: 'Cluster' });
  await expect(ask({ ...tlsOf('me'), ca: other.cert })).rejects.toBeInstanceOf(ConnectionFault);
  await expect(ask({ ...tlsOf('me'), servername: 'other.test' })).rejects.toMatchObject({
    message: expect.stringContaining('other.test'),
  });
  expect(await ask({ ...tlsOf('me'), ca: other.cert, rejectUnauthorized: false })).toBe('me');
});

it('reads no more than it should', async () => {
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const tls = tlsOf('a-name-that-is-long');
  const answer = await pool.request({ method: 'GET', url, headers: {}, signal }, { headers: {}, tls });
  await expect(readBody(answer, 10)).rejects.toMatchObject({ message: expect.stringContaining('10 bytes') });
});

it('gives up a connection that is not made in time, and only that', async () => {
  const deaf = createTcpServer(() => {}).listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  const url = `https://127.0.0.1:${(deaf.address() as AddressInfo).port}/`;
  const credentials = { headers: {}, tls: tlsOf('first') };
  const asked = pool.request({ method: 'GET', url, headers: {}, signal, connectWithin: 50 }, credentials);
  await expect(asked).rejects.toThrow('no connection within 0.05 s');
  await expect(asked).rejects.toBeInstanceOf(ConnectionFault);
  deaf.close();
});

it('does not limit the answer of a connection that was made in time', async () => {
  server.removeAllListeners('request');
  server.on('request', (_request, response) => setTimeout(() => response.end('late'), 200));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const credentials = { headers: {}, tls: tlsOf('first') };
  for (const connectWithin of [10_000, 50]) {
    const answer = await pool.request(
      { method: 'GET', url, headers: {}, signal, connectWithin },
      credentials,
    );
    expect(await readBody(answer, 1_000)).toBe('late');
  }
});

it('drops connections that nothing is under way on', async () => {
  await ask(tlsOf('first'));
  pool.dropIdle();
  await ask(tlsOf('first'));
  expect(connections).toBe(2);
});
