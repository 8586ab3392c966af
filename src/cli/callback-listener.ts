/** Where a person's browser ends after a login: a listener on this machine that takes one address. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Callback } from './cli-system.ts';

const PATH = '/callback';
/** Says nothing that came with the request. */
const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Berth</title><p>Back to your terminal: this page can be closed.</p></html>`;
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'",
  'referrer-policy': 'no-referrer',
  connection: 'close',
};

/** Listens on the loopback address only. */
export async function listenForCallback(): Promise<Callback> {
  const waiting = Promise.withResolvers<string>();
  let expected: string | undefined;
  const server = createServer((request, response) => {
    const url = URL.parse(request.url ?? '', base());
    const isIt =
      request.method === 'GET' &&
      url?.pathname === PATH &&
      expected !== undefined &&
      url.searchParams.get('state') === expected;
    if (!isIt) return void response.writeHead(404, HEADERS).end();
    response.writeHead(200, HEADERS).end(PAGE);
    waiting.resolve(url.href);
  });
  const base = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `${base()}${PATH}`,
    async received(state, signal) {
      expected = state;
      const left = new Promise<undefined>((resolve) => {
        if (signal.aborted) resolve(undefined);
        signal.addEventListener('abort', () => resolve(undefined), { once: true });
      });
      return await Promise.race([waiting.promise, left]);
    },
    async close() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}
