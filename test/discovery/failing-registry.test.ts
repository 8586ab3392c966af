/** What registries do wrong: it is told of them alone, and leaves nothing behind. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, AnsweringServer, json, text } from '../support/answering-server.ts';
import { createRig, NOBODY, references, reportOf } from './rig.ts';

let npm: AnsweringServer;
let elsewhere: AnsweringServer;
let rig: Awaited<ReturnType<typeof createRig>>;
let now: number;

const SEARCH = /^\/-\/v1\/search/;
const HIT = {
  objects: [{ package: { name: 'mcp-time-keeper', version: '1.0.0', description: 'Tells time' } }],
};

beforeEach(async () => {
  now = Date.now();
  npm = await new AnsweringServer().start();
  elsewhere = await new AnsweringServer('localhost').start();
  rig = await createRig({
    npm: npm.url,
    deadline: 1_500,
    now: () => now,
    npmrc: [`//${new URL(npm.url).host}/:_authToken=hush`],
  });
});

afterEach(async () => {
  await rig.close();
  await Promise.all([npm.close(), elsewhere.close()]);
});

const failures: [string, () => Answer, RegExp, string][] = [
  ['is slow', () => () => {}, /did not answer within 1500 ms/, 'slow'],
  [
    'sends no JSON',
    () => text('<html>Sign in</html>', 'text/html'),
    /not the JSON that it should be \(text\/html\)/,
    'malformed',
  ],
  ['sends other JSON', () => json({ hello: 1 }), /not what was asked for/, 'malformed'],
  ['breaks off', () => cutOff, /broke its answer off after \d+ bytes/, 'truncated'],
  [
    'sends half a JSON',
    () => text(JSON.stringify(HIT).slice(0, 40), 'application/json'),
    /not the JSON/,
    'malformed',
  ],
  [
    'is too busy',
    () => json({}, 429, { 'retry-after': '30' }),
    /is busy \(429\); it asks to wait 30 s/,
    'busy',
  ],
  ['refuses', () => json({}, 401), /refused to answer \(401\)/, 'denied'],
  ['has an accident', () => json({}, 500), /answered with 500/, 'status'],
  [
    'sends elsewhere',
    () => redirect(elsewhere.url),
    /redirects to another host \(localhost:\d+\), which is not asked/,
    'redirect',
  ],
  [
    'sends in circles',
    () => (asked, response) => redirect(`${npm.url}-/v1/search?again=${asked.path.length}`)(asked, response),
    /redirects without end/,
    'redirect',
  ],
  ['sends too much', () => endless, /answered with more than 4194304 bytes/, 'too-large'],
];

const cutOff: Answer = (_asked, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
  response.write(JSON.stringify(HIT).slice(0, 40), () => response.destroy());
};

const endless: Answer = (_asked, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const more = (): void => {
    while (!response.destroyed && response.write(`"${'x'.repeat(65_535)}",`));
  };
  response.on('drain', more);
  more();
};

function redirect(location: string): Answer {
  return (_asked, response) => response.writeHead(302, { location }).end();
}

describe('a registry that', () => {
  it.each(failures)(
    '%s fails alone, in plain words, and is not remembered',
    async (_what, answer, message, reason) => {
      npm.on(SEARCH, answer());
      const first = await rig.search('time keeper');
      expect(reportOf(first, 'npm')).toMatchObject({
        state: 'failed',
        count: 0,
        failure: { code: 'registry-failed', message: expect.stringMatching(message), reason },
      });
      // The others are as they always are.
      expect(references(first)).toContain('time');
      expect(reportOf(first, 'templates')).toMatchObject({ state: 'ok' });
      expect(elsewhere.asked).toEqual([]);
      // Well again, and asked again: nothing of the failure was kept.
      npm.on(SEARCH, json(HIT));
      now += 31_000;
      const second = await rig.search('time keeper');
      expect(references(second)).toContain('npm:mcp-time-keeper');
      expect(reportOf(second, 'npm')).toMatchObject({ state: 'ok' });
    },
  );

  it('is down fails alone', async () => {
    const down = await createRig({ npm: NOBODY, deadline: 1_500 });
    const answer = await down.search('time');
    expect(reportOf(answer, 'npm')).toMatchObject({
      state: 'failed',
      failure: { message: 'the npm registry cannot be reached (ECONNREFUSED)', reason: 'down' },
    });
    expect(reportOf(answer, 'exact')).toMatchObject({ state: 'failed' });
    expect(references(answer)).toContain('time');
    await down.close();
  });

  it('has no search is told apart from one that fails', async () => {
    const answer = await rig.search('time');
    expect(reportOf(answer, 'npm')).toMatchObject({
      state: 'unsupported',
      message: 'the npm registry has no search',
      capabilities: { search: false },
    });
    expect(reportOf(answer, 'npm')).not.toHaveProperty('failure');
  });

  it('asked for peace is left in peace until its time is over', async () => {
    npm.on(SEARCH, json({}, 429, { 'retry-after': '60' }));
    await rig.search('time keeper');
    // Both of its questions have come, also the one that nobody waited for any more.
    await expect.poll(() => npm.count(SEARCH), { timeout: 30_000 }).toBe(2);
    npm.on(SEARCH, json(HIT));
    now += 20_000;
    const answer = await rig.search('time keeper');
    expect(reportOf(answer, 'npm')?.failure).toMatchObject({
      message: 'the registry asked to be left alone for 40 s more',
      retryAfterSeconds: 40,
    });
    expect(npm.count(SEARCH)).toBe(2);
    now += 41_000;
    expect(references(await rig.search('time keeper'))).toContain('npm:mcp-time-keeper');
  });

  it('fails later leaves what it said before, with its age', async () => {
    npm.on(SEARCH, json(HIT));
    await rig.search('time keeper');
    npm.on(SEARCH, json({}, 500));
    now += 2 * 3_600_000;
    const answer = await rig.search('time keeper');
    expect(references(answer)).toContain('npm:mcp-time-keeper');
    expect(reportOf(answer, 'npm')).toMatchObject({
      state: 'stale',
      ageSeconds: 7_200,
      failure: { message: 'the npm registry answered with 500' },
    });
  });

  it('redirects within itself is followed, with its credentials', async () => {
    npm.on(SEARCH, redirect(`${npm.url}moved`)).on(/^\/moved/, json(HIT));
    expect(references(await rig.search('time keeper'))).toContain('npm:mcp-time-keeper');
    const moved = npm.asked.filter(({ path }) => path === '/moved');
    expect(moved.every(({ headers }) => headers.authorization === 'Bearer hush')).toBe(true);
    expect(moved.length).toBeGreaterThan(0);
  });

  it('sends elsewhere for a package is not followed either, not even to another port', async () => {
    const other = await new AnsweringServer().start();
    npm.on(/^\/mcp-time-keeper$/, redirect(`${other.url}mcp-time-keeper`));
    await expect(rig.read('npm', 'mcp-time-keeper')).rejects.toMatchObject({
      code: 'registry-failed',
      details: { data: { reason: 'redirect' } },
    });
    expect(other.asked).toEqual([]);
    await other.close();
  });
});

describe('answers', () => {
  it('are kept for an hour, asked again on demand, and confirmed by their ETag', async () => {
    npm.on(SEARCH, (asked, response) =>
      asked.headers['if-none-match'] === '"one"'
        ? response.writeHead(304).end()
        : json(HIT, 200, { etag: '"one"' })(asked, response),
    );
    await rig.search('keeper');
    const once = npm.count(SEARCH);
    now += 1_800_000;
    expect(reportOf(await rig.search('keeper'), 'npm')).toMatchObject({ state: 'ok', ageSeconds: 1_800 });
    expect(npm.count(SEARCH)).toBe(once);
    const fresh = await rig.search('keeper', { refresh: true });
    expect(npm.count(SEARCH)).toBe(2 * once);
    expect(references(fresh)).toContain('npm:mcp-time-keeper');
    expect(reportOf(fresh, 'npm')).toMatchObject({ ageSeconds: 0, capabilities: { etag: true } });
    expect(npm.asked.findLast(({ path }) => SEARCH.test(path))?.headers['if-none-match']).toBe('"one"');
  });

  it('that there is no such package are believed for a minute only', async () => {
    await expect(rig.read('npm', 'mcp-new')).rejects.toMatchObject({ code: 'not-found' });
    npm.on(/^\/mcp-new$/, json(documentOf('mcp-new', { '1.0.0': {} })));
    now += 61_000;
    expect((await rig.read('npm', 'mcp-new')).version).toBe('1.0.0');
  });

  it('of five megabytes are read, beside the event loop', async () => {
    const versions = Object.fromEntries(
      Array.from({ length: 2_600 }, (_, patch) => [`1.0.${patch}`, { description: 'x'.repeat(2_000) }]),
    );
    const body = JSON.stringify(documentOf('mcp-big', versions));
    expect(body.length).toBeGreaterThan(5 * 1024 * 1024);
    npm.on(/^\/mcp-big$/, text(body, 'application/json'));
    const found = await rig.read('npm', 'mcp-big');
    expect(found.versions).toHaveLength(2_600);
    expect(found.versions[0]?.version).toBe('1.0.2599');
  });

  it('of another package are refused', async () => {
    npm.on(/^\/mcp-mine$/, json(documentOf('mcp-yours', { '1.0.0': {} })));
    await expect(rig.read('npm', 'mcp-mine')).rejects.toMatchObject({
      details: { data: { reason: 'malformed' } },
    });
  });
});

describe('what only some registries say', () => {
  it('is told: provenance, downloads, deprecation as no', async () => {
    const dist = { signatures: [{ keyid: 'k', sig: 's' }] };
    npm
      .on(/^\/mcp-rich$/, json(documentOf('mcp-rich', { '1.0.0': { dist } })))
      .on(/^\/-\/npm\/v1\/attestations\/mcp-rich@1\.0\.0$/, json({ attestations: [{ predicateType: 'p' }] }))
      .on(
        /^\/downloads\/range\/last-month\/mcp-rich$/,
        json({
          downloads: [
            { day: '2026-11-01', downloads: 40 },
            { day: '2026-11-02', downloads: 2 },
          ],
        }),
      );
    expect(await rig.read('npm', 'mcp-rich')).toMatchObject({
      provenance: 'yes',
      downloads: {
        lastMonth: 42,
        days: [
          { day: '2026-11-01', downloads: 40 },
          { day: '2026-11-02', downloads: 2 },
        ],
      },
      deprecated: { state: 'no' },
      registry: { capabilities: { signatures: true, attestations: true, downloads: true, deprecated: true } },
    });
  });

  it('may stand elsewhere: download numbers have an address of their own', async () => {
    const counted = await createRig({ npm: npm.url, downloadsUrl: elsewhere.url });
    npm.on(/^\/@a\/b$/, json(documentOf('@a/b', { '1.0.0': {} })));
    elsewhere.on(
      /^\/downloads\/range\/last-month\/@a\/b$/,
      json({ downloads: [{ day: '2026-11-01', downloads: 7 }] }),
    );
    expect((await counted.read('npm', '@a/b')).downloads.lastMonth).toBe(7);
    // The registry's token is the registry's.
    expect(elsewhere.asked.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    await counted.close();
  });

  it('is searched by: npm sends qualifiers on, and what is known not to fit is left out', async () => {
    const by = (name: string, username: string) => ({
      package: { name, version: '1.0.0', keywords: ['mcp'], maintainers: [{ username }] },
      downloads: { monthly: 1_234 },
    });
    npm.on(SEARCH, json({ objects: [by('mcp-a', 'ann'), by('mcp-b', 'bob')], total: 2 }));
    const answer = await rig.search('maintainer:ann');
    expect(references(answer)).toEqual(['npm:mcp-a']);
    expect(answer.results[0]).toMatchObject({ downloads: 1_234, maintainers: ['ann'] });
    expect(npm.asked.filter(({ path }) => SEARCH.test(path)).map(({ path }) => path)).toEqual([
      '/-/v1/search?text=maintainer:ann&size=20',
    ]);
    expect(reportOf(answer, 'pypi')).toMatchObject({ state: 'failed', failure: { reason: 'down' } });
    const classified = await rig.search('classifier:Framework::MCP');
    expect(reportOf(classified, 'npm')).toMatchObject({
      state: 'unsupported',
      message: 'npm has no classifiers',
    });
  });
});

function documentOf(name: string, versions: Record<string, Record<string, unknown>>) {
  const all = Object.entries(versions).map(([version, fields]) => [
    version,
    { name, version, bin: 'x.js', ...fields },
  ]);
  return { name, 'dist-tags': { latest: Object.keys(versions).at(-1) }, versions: Object.fromEntries(all) };
}
