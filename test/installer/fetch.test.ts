/** The tree of a server is brought whole, once, and anew when that was cut off. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fetchTree } from '../../src/installer/fetch.ts';
import { tarOf } from '../support/tar-archive.ts';

const archive = tarOf([
  { name: './package/', type: 'folder', mode: 0o755 },
  { name: './package/main.js', text: 'run()' },
]);
const digest = createHash('sha256').update(archive).digest('hex');

let root: string;
let into: string;
let state: string;
let server: Server;
let served: Buffer | undefined;
let asked: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'berth-fetch-'));
  [into, state] = [join(root, 'tree'), join(root, 'state')];
  for (const folder of [into, state]) await mkdir(folder);
  served = archive;
  asked = 0;
  server = createServer((_request, response) => {
    asked++;
    if (served) response.end(served);
    else response.writeHead(404).end('{"detail":"there is no such tree"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.close();
  await rm(root, { recursive: true });
});

const fetch = (name = digest): Promise<void> => {
  const { port } = server.address() as AddressInfo;
  return fetchTree({ url: `http://127.0.0.1:${port}/trees/${name}`, into, state });
};
const main = (): Promise<string> => readFile(join(into, 'package', 'main.js'), 'utf8');

it('brings what the archive holds, and keeps nothing of that but a note', async () => {
  await fetch();
  expect(await main()).toBe('run()');
  expect([await readdir(into), await readdir(state)]).toEqual([['package'], ['tree']]);
});

it('leaves what is there whole as it is', async () => {
  await fetch();
  await writeFile(join(into, 'package', 'main.js'), 'as it was left');
  await fetch();
  expect([asked, await main()]).toEqual([1, 'as it was left']);
});

it('begins anew after a run that was killed', async () => {
  await mkdir(join(state, 'fetch-killed'));
  await writeFile(join(state, 'fetch-killed', 'tree.tar.gz'), 'half');
  await writeFile(join(into, 'half'), '');
  await fetch();
  expect([await readdir(into), await readdir(state)]).toEqual([['package'], ['tree']]);
});

it('brings another tree in the place of an older one', async () => {
  await writeFile(join(state, 'tree'), 'another');
  await writeFile(join(into, 'older'), '');
  await fetch();
  expect([await readdir(into), await readFile(join(state, 'tree'), 'utf8')]).toEqual([['package'], digest]);
});

it.each([
  ['is not there', undefined, /404: there is no such tree/],
  ['has other bytes', tarOf([{ name: './evil', text: 'x' }]), /other bytes than those of the digest/],
])('leaves the folder empty when the archive %s', async (_what, given, why) => {
  served = given;
  await expect(fetch()).rejects.toMatchObject({
    code: 'install-failed',
    message: expect.stringMatching(why),
    details: { phase: 'install' },
  });
  expect([await readdir(into), await readdir(state)]).toEqual([[], []]);
  served = archive;
  await fetch();
  expect(await main()).toBe('run()');
});

it('says of a tree that the store does not have that it is missing, and what becomes of it', async () => {
  served = undefined;
  await expect(fetch()).rejects.toMatchObject({
    code: 'install-failed',
    details: { phase: 'install', reason: 'TreeMissing' },
    hint: expect.stringMatching(/installed again/),
  });
});

it('does not believe a tree that says itself that it is there', async () => {
  await writeFile(join(into, 'tree'), digest);
  await fetch();
  expect(await readdir(into)).toEqual(['package']);
});

it('says in words that there is no room for it', async () => {
  await rm(state, { recursive: true });
  await expect(fetch()).rejects.toMatchObject({
    code: 'install-failed',
    message: expect.stringContaining('the tree cannot be written: ENOENT'),
    details: { phase: 'install' },
  });
  await mkdir(state);
});
