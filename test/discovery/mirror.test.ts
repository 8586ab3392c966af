/** The mirror of an MCP registry: whole, then what has changed, whatever happens in between. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SyncProgress } from '../../src/discovery/mirror/sync.ts';
import { type Answer, json, text } from '../support/answering-server.ts';
import { numbered, REAL_DOCUMENTS, StandInMcpRegistry } from '../support/stand-in-mcp-registry.ts';
import { createRig, references, reportOf, resultOf } from './rig.ts';

let registry: StandInMcpRegistry;
let rig: Awaited<ReturnType<typeof createRig>>;
let now: number;
let waits: number[];
beforeEach(async () => {
  registry = await new StandInMcpRegistry().start();
  now = Date.parse('2026-11-20T00:00:00Z');
  waits = [];
  rig = await open();
});
afterEach(async () => {
  await rig.close();
  await registry.close();
});

function open(home?: string) {
  return createRig({
    registries: [registry.url],
    now: () => now,
    wait: async (ms) => void waits.push(ms),
    ...(home !== undefined && { home }),
  });
}

function sync(full = false, signal = new AbortController().signal, progress: SyncProgress[] = []) {
  const onProgress = (step: SyncProgress): void => void progress.push(step);
  return rig.discovery.registries.sync('mcp-registry', { full, signal, onProgress });
}

const search = (words: string) => rig.search(words, { providers: ['mcp-registry'] });
const count = () => registry.asked.length;

const page = (number: number, nextCursor?: string) => ({
  servers: [{ server: numbered(number), _meta: {} }],
  metadata: { count: 1, ...(nextCursor && { nextCursor }) },
});

/** Announces more than it sends. */
const cutOff: Answer = (_asked, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
  response.write('{"servers":[');
  response.destroy();
};

describe('a mirror', () => {
  it('holds every page, and is searched without a question', async () => {
    for (let number = 0; number < 250; number++) registry.put(numbered(number));
    for (const document of REAL_DOCUMENTS) registry.put(document);
    const progress: SyncProgress[] = [];
    const result = await sync(false, undefined, progress);
    expect(result).toMatchObject({ kind: 'full', resumed: false, removed: 0, pages: progress.length });
    expect(result.total).toBe(result.changed);
    expect(result.total).toBeGreaterThan(250);
    expect(registry.asked[0]).toBe('/v0.1/servers?version=latest&limit=100');

    const asked = count();
    const answer = await search('notes book 0042');
    expect(answer.results[0]).toMatchObject({
      reference: 'npm:notes-0042',
      registryName: 'io.github.ann/notes-0042',
    });
    expect(references(await search('airtable'))).toContain('npm:airtable-mcp-server');
    expect((await search('')).results.length).toBeGreaterThan(0);
    now += 3_600_000;
    expect(reportOf(await search('airtable'), 'mcp-registry')).toMatchObject({
      state: 'ok',
      ageSeconds: 3_600,
    });
    expect(count()).toBe(asked);
    await rig.search('airtable', { providers: ['mcp-registry'], refresh: true });
    expect(count()).toBe(asked + 1);
    expect(await rig.discovery.registries.list()).toEqual([
      { name: 'mcp-registry', url: registry.url, servers: result.total, ageSeconds: 3_600 },
    ]);
  });

  it('fetches only what has changed after that: new, changed, deprecated, deleted', async () => {
    for (let number = 0; number < 5; number++) registry.put(numbered(number));
    await sync();
    registry.tellsDeleted = false;
    registry.put(numbered(1, { description: 'Recipes' }));
    registry.put(numbered(2), 'deprecated', 'use notes-0003');
    registry.put(numbered(3), 'deleted');
    registry.put(numbered(9));
    registry.put(numbered(4, { packages: [] }));
    expect(await sync()).toEqual({
      kind: 'changes',
      resumed: false,
      pages: 1,
      changed: 3,
      removed: 2,
      total: 4,
    });
    expect(registry.asked.at(-1)).toMatch(
      /limit=100&updated_since=2026-11-01T00:0\d:\d\dZ&include_deleted=true$/,
    );
    expect(references(await search('recipes'))).toEqual(['npm:notes-0001']);
    const notes = await search('notes');
    expect(references(notes).sort()).toEqual([
      'npm:notes-0000',
      'npm:notes-0001',
      'npm:notes-0002',
      'npm:notes-0009',
    ]);
    expect(resultOf(notes, 'npm:notes-0002')?.deprecated).toBe('use notes-0003');
    expect(await sync()).toMatchObject({ kind: 'changes', changed: 0, removed: 0, total: 4 });
    expect(await sync(true)).toMatchObject({ kind: 'full', changed: 0, removed: 0, total: 4 });
  });

  it('goes on where it broke off, also in another program, and serves the older copy until it is whole', async () => {
    for (let number = 0; number < 350; number++) registry.put(numbered(number));
    const leaving = new AbortController();
    const first = rig.discovery.registries.sync('mcp-registry', {
      full: false,
      signal: leaving.signal,
      onProgress: (step) => {
        if (step.type === 'page' && step.pages === 2) leaving.abort(new Error('left'));
      },
    });
    await expect(first).rejects.toThrow('left');
    expect(await rig.discovery.registries.list()).toMatchObject([{ unfinishedPages: 2 }]);
    const asked = count();

    await rig.discovery.close();
    const again = await open(rig.home);
    const old = rig;
    rig = again;
    expect(await sync()).toMatchObject({ kind: 'full', resumed: true, total: 350 });
    expect(registry.asked[asked]).toContain('cursor=after+io.github.ann/notes-0199');
    await old.discovery.close();
    const files = await readdir(join(rig.home, 'search'));
    expect(files.filter((file) => file.startsWith('registry-')).length).toBe(2);
  });

  it('begins anew when the registry no longer knows the cursor', async () => {
    for (let number = 0; number < 150; number++) registry.put(numbered(number));
    registry.faults.push(json(page(1, 'lost'), 200));
    await expect(sync()).rejects.toMatchObject({
      code: 'registry-failed',
      details: { data: { status: 400 } },
    });
    expect(await sync()).toMatchObject({ kind: 'full', resumed: false, total: 150 });
  });
});

describe('a registry that is not well', () => {
  it('is waited for as long as it asks', async () => {
    registry.put(numbered(1));
    registry.faults.push(json({}, 429, { 'retry-after': '7' }), json({}, 503, { 'retry-after': '3' }));
    const progress: SyncProgress[] = [];
    expect(await sync(false, undefined, progress)).toMatchObject({ total: 1 });
    expect(waits).toEqual([7_000, 3_000]);
    expect(progress[0]).toMatchObject({ type: 'waiting', seconds: 7, why: expect.stringContaining('429') });
  });

  it('that asks for more than two minutes is left for later, with what has come kept', async () => {
    for (let number = 0; number < 150; number++) registry.put(numbered(number));
    const right = registry.faults;
    right.push(json(page(0, 'after io.github.ann/notes-0099'), 200), json({}, 429, { 'retry-after': '600' }));
    await expect(sync()).rejects.toMatchObject({
      code: 'registry-failed',
      details: { data: { reason: 'busy', retryAfterSeconds: 600 } },
    });
    expect(waits).toEqual([]);
    expect(await sync()).toMatchObject({ resumed: true, total: 51 });
  });

  it.each([
    ['truncated', cutOff],
    ['no JSON', text('<html>', 'text/html')],
    ['failing', json({}, 502)],
  ])('is asked again after an answer that is %s, and given up after five', async (_, fault) => {
    registry.put(numbered(1));
    registry.faults.push(fault, fault);
    expect(await sync()).toMatchObject({ total: 1 });
    expect(waits).toEqual([1_000, 2_000]);
    registry.faults.push(...Array.from({ length: 9 }, () => fault));
    await expect(sync()).rejects.toMatchObject({ code: 'registry-failed' });
    expect(waits).toEqual([1_000, 2_000, 1_000, 2_000, 4_000, 8_000]);
    expect(references(await search('notes'))).toEqual(['npm:notes-0001']);
  });

  it('that leads in a circle, or has no list, is told of', async () => {
    const circle = json(page(1, 'after a'), 200);
    registry.faults.push(circle, circle, circle);
    await expect(sync()).rejects.toThrow('in a circle');
    registry.faults.push(json({}, 404), json({}, 404));
    await expect(sync(true)).rejects.toThrow('has no /v0.1/servers');
    expect(await rig.search('notes', { providers: ['mcp-registry'] })).toMatchObject({ results: [] });
  });

  it('a damaged mirror is no mirror: the registry is asked', async () => {
    registry.put(numbered(1));
    await sync();
    const folder = join(rig.home, 'search');
    const [file = ''] = (await readdir(folder)).filter((name) => name.endsWith('.servers'));
    expect(await readFile(join(folder, file), 'utf8')).toContain('notes-0001');
    await rig.discovery.close();
    await writeFile(join(folder, file), '{"half');
    rig = await open(rig.home);
    const asked = count();
    expect(references(await search('notes'))).toEqual(['npm:notes-0001']);
    expect(count()).toBe(asked + 1);
    expect(await sync(true)).toMatchObject({ kind: 'full', total: 1 });
  });
});

it('a registry that nobody named is not asked', async () => {
  await expect(
    rig.discovery.registries.sync('other', {
      full: false,
      signal: new AbortController().signal,
      onProgress: () => {},
    }),
  ).rejects.toMatchObject({ code: 'not-found', hint: 'There are: mcp-registry.' });
});
