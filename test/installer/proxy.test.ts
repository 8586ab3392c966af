/** In a network with a proxy every program of the release gets one by its environment: the package store is reached without. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

const ARCHIVE = Buffer.from('what an installer has packed');
const DIGEST = createHash('sha256').update(ARCHIVE).digest('hex');

let folder: string;
let store: Server;
let proxy: Server;
/** What the package store was asked, as `METHOD path`. */
const asked: string[] = [];
/** The same of the proxy. */
const proxied: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-proxy-'));
  store = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end(request.method === 'GET' ? ARCHIVE : undefined));
  });
  proxy = createServer((request, response) => {
    proxied.push(`${request.method} ${request.url}`);
    response.writeHead(502).end();
  });
  for (const server of [store, proxy]) await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(async () => {
  for (const server of [store, proxy]) server.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => {
  asked.length = 0;
  proxied.length = 0;
});

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** Runs it in a program of its own, with the proxy in its environment, and reads what it prints. */
async function run(program: string): Promise<string> {
  const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: urlOf(proxy), NO_PROXY: '.svc,.cluster.local' };
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 30_000 });
  return stdout;
}

const moduleOf = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

it('asks other hosts over the proxy', async () => {
  const said = await run(`
    import { get } from 'node:http';
    get('${urlOf(store)}/other', ({ statusCode }) => process.stdout.write(String(statusCode)));
  `);
  expect(said).toBe('502');
  expect([asked.length, proxied.length]).toEqual([0, 1]);
});

it('is asked for a tree by the controller', async () => {
  const said = await run(`
    import { createTreesProbe } from ${moduleOf('controller/trees-probe.ts')};
    process.stdout.write(String(await createTreesProbe('${urlOf(store)}').has('${DIGEST}')));
  `);
  expect({ said, asked, proxied }).toEqual({ said: 'true', asked: [`HEAD /trees/${DIGEST}`], proxied: [] });
});

it('gets archives from installers, and hands them out', async () => {
  const file = join(folder, 'sent');
  const copy = join(folder, 'copy');
  await writeFile(file, ARCHIVE);
  const archive = { digest: DIGEST, bytes: ARCHIVE.length, url: urlOf(store), token: 'token', file };
  await run(`
    import { getArchive, putArchive } from ${moduleOf('installer/trees-client.ts')};
    await putArchive(${JSON.stringify(archive)});
    await getArchive({ url: '${urlOf(store)}/trees/${DIGEST}', file: ${JSON.stringify(copy)}, maxBytes: 1_000 });
  `);
  expect({ asked, proxied }).toEqual({
    ...{ asked: [`PUT /trees/${DIGEST}`, `GET /trees/${DIGEST}`], proxied: [] },
  });
  expect(await readFile(copy)).toEqual(ARCHIVE);
});
