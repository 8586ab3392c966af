import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/log/log.ts';
import { ArchiveStore } from '../../src/trees/archive-store.ts';
import { collect, toRemove } from '../../src/trees/collect.ts';
import { type RunningTrees, runTrees } from '../../src/trees/main.ts';
import { readTreeToken, treeToken } from '../../src/trees/token.ts';

const KEY = Buffer.alloc(32, 7);
const BODY = Buffer.from('the bytes of a tree');
const digestOf = (body: Buffer): string => createHash('sha256').update(body).digest('hex');
const DIGEST = digestOf(BODY);

let folder: string;
let trees: RunningTrees;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-trees-'));
  await writeFile(join(folder, 'key'), KEY);
  trees = await start();
});

afterEach(async () => {
  await trees.close();
  await rm(folder, { recursive: true, force: true });
});

const start = (): Promise<RunningTrees> =>
  runTrees({
    folder: join(folder, 'data'),
    keyFile: join(folder, 'key'),
    host: '127.0.0.1',
    port: 0,
    maxUploadBytes: 1_000,
    log: silentLog(),
  });

interface Put {
  readonly body?: Buffer;
  readonly digest?: string;
  readonly token?: string | undefined;
}

const at = (path: string): string => `http://127.0.0.1:${trees.port}${path}`;
const put = ({
  body = BODY,
  digest = digestOf(body),
  token = treeToken(KEY, 'job-1'),
}: Put = {}): Promise<Response> =>
  fetch(at(`/trees/${digest}`), {
    method: 'PUT',
    body,
    ...(token && { headers: { authorization: `Bearer ${token}` } }),
  });
const leftovers = async (): Promise<string[]> => [
  ...(await readdir(join(folder, 'data', 'incoming'))),
  ...(await readdir(join(folder, 'data', 'archives'))),
];

describe('a tree', () => {
  it('is put once, and got as it was put', async () => {
    expect((await put()).status).toBe(201);
    expect((await put()).status).toBe(200);
    const got = await fetch(at(`/trees/${DIGEST}`));
    expect(got.status).toBe(200);
    expect(Buffer.from(await got.arrayBuffer())).toEqual(BODY);
    const head = await fetch(at(`/trees/${DIGEST}`), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, `${BODY.length}`]);
  });

  it('that is there already is read to its end before it is answered: a sender must not find a broken pipe', async () => {
    await put();
    const headers = { authorization: `Bearer ${treeToken(KEY, 'job-1')}`, 'content-length': BODY.length };
    const sent = request(at(`/trees/${DIGEST}`), { method: 'PUT', headers });
    let status = 0;
    const answered = new Promise<void>((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', (response) => {
        status = response.statusCode ?? 0;
        response.resume().on('end', resolve);
      });
    });
    sent.write(BODY.subarray(0, 5));
    for (let turn = 0; turn < 5; turn++) await (await fetch(at(`/trees/${DIGEST}`))).arrayBuffer();
    expect(status).toBe(0);
    sent.end(BODY.subarray(5));
    await answered;
    expect(status).toBe(200);
  });

  it('survives the service', async () => {
    await put();
    await trees.close();
    trees = await start();
    expect((await fetch(at(`/trees/${DIGEST}`))).status).toBe(200);
  });

  it('that is not there is not found', async () => {
    expect((await fetch(at(`/trees/${DIGEST}`))).status).toBe(404);
    expect((await fetch(at('/trees/../key'))).status).toBe(404);
    expect((await fetch(at('/trees/'))).status).toBe(404);
    expect((await fetch(at(`/trees/${DIGEST}`), { method: 'DELETE' })).status).toBe(405);
    expect(await (await fetch(at('/livez'))).text()).toBe('ok\n');
  });
});

describe('nobody puts', () => {
  it.each([
    ['without a token', ''],
    ['with a token of another key', treeToken(Buffer.alloc(32, 8), 'job-1')],
    ['with a token of another job', `${treeToken(KEY, 'job-1').split('.')[0]}.job-2`],
    ['with half a token', treeToken(KEY, 'job-1').split('.')[0]!],
  ])('%s', async (_what, token) => {
    expect((await put({ token })).status).toBe(401);
    expect(await leftovers()).toEqual([]);
  });

  it('bytes that are not those of the digest', async () => {
    expect((await put({ digest: 'a'.repeat(64) })).status).toBe(400);
    expect(await leftovers()).toEqual([]);
  });

  it('a second tree with the same token', async () => {
    await put();
    expect((await put({ body: Buffer.from('another') })).status).toBe(409);
    expect((await put({ body: Buffer.from('another'), token: treeToken(KEY, 'job-2') })).status).toBe(201);
  });

  it('more than the limit, announced or not', async () => {
    const body = Buffer.alloc(2_000);
    const announced = await put({ body }).catch(() => ({ status: 413 }));
    expect(announced.status).toBe(413);
    expect(await chunked(body)).toBe(413);
    expect(await leftovers()).toEqual([]);
  });

  it('half a tree: what was cut off is gone', async () => {
    await new Promise<void>((resolve) => {
      const sent = request(at(`/trees/${DIGEST}`), {
        method: 'PUT',
        headers: { authorization: `Bearer ${treeToken(KEY, 'job-1')}`, 'content-length': BODY.length },
      });
      sent.on('error', () => resolve());
      sent.write(BODY.subarray(0, 5), () => setImmediate(() => sent.destroy(new Error('cut off'))));
    });
    await expect.poll(leftovers).toEqual([]);
    expect((await put()).status).toBe(201);
  });
});

it('removes at its start what a killed program left half-written', async () => {
  await writeFile(join(folder, 'data', 'incoming', 'half'), 'x');
  await new ArchiveStore(join(folder, 'data')).open();
  expect(await leftovers()).toEqual([]);
});

describe('collection', () => {
  const archives = [
    { digest: 'a', bytes: 10, lastUsed: 100 },
    { digest: 'b', bytes: 10, lastUsed: 200 },
    { digest: 'c', bytes: 10, lastUsed: 300 },
  ];

  it.each([
    ['nothing', { maxBytes: 30, maxAgeMs: 1_000, now: 400 }, []],
    ['what is too old', { maxBytes: 30, maxAgeMs: 150, now: 400 }, ['a', 'b']],
    ['what is too much, the longest unused first', { maxBytes: 15, maxAgeMs: 1_000, now: 400 }, ['a', 'b']],
  ])('takes %s', (_what, policy, removed) => {
    expect(toRemove(archives, policy)).toEqual(removed);
  });

  it('spares what was asked for just now', async () => {
    await put();
    const store = new ArchiveStore(join(folder, 'data'));
    await utimes(store.path(DIGEST), 0, 0);
    await fetch(at(`/trees/${DIGEST}`), { method: 'HEAD' });
    expect(await collect(store, { maxBytes: 1e9, maxAgeMs: 60_000, now: Date.now() })).toEqual([]);
    await utimes(store.path(DIGEST), 0, 0);
    expect(await collect(store, { maxBytes: 1e9, maxAgeMs: 60_000, now: Date.now() })).toEqual([DIGEST]);
    expect((await fetch(at(`/trees/${DIGEST}`))).status).toBe(404);
  });
});

it('a token names its job, and nothing else is one', () => {
  expect(readTreeToken(KEY, treeToken(KEY, 'mcp-x-install-1'))).toBe('mcp-x-install-1');
  for (const bad of ['', '.', '.job', 'x.job', `${treeToken(KEY, 'job')}/../x`])
    expect(readTreeToken(KEY, bad)).toBeUndefined();
});

function chunked(body: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const sent = request(at(`/trees/${digestOf(body)}`), {
      method: 'PUT',
      headers: { authorization: `Bearer ${treeToken(KEY, 'job-1')}`, 'transfer-encoding': 'chunked' },
    });
    sent.on('response', (response) => resolve(response.statusCode ?? 0));
    sent.on('error', () => resolve(413));
    sent.end(body);
  });
}
