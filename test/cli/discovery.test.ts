import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRig } from '../discovery/rig.ts';
import { AnsweringServer, json } from '../support/answering-server.ts';
import { createMachine } from './system-double.ts';

let npm: AnsweringServer;
let index: AnsweringServer;
let rig: Awaited<ReturnType<typeof createRig>>;

beforeAll(async () => {
  [npm, index] = await Promise.all([new AnsweringServer().start(), new AnsweringServer().start()]);
  npm
    .on(
      /^\/-\/v1\/search/,
      json({
        objects: [
          {
            package: {
              name: 'mcp-mail',
              version: '2.0.0',
              description: 'Sends\n\u001b[31mmail',
              keywords: ['mcp'],
            },
          },
        ],
      }),
    )
    .on(
      /^\/mcp-mail$/,
      json({
        name: 'mcp-mail',
        'dist-tags': { latest: '2.0.0' },
        versions: {
          '1.0.0': { name: 'mcp-mail', version: '1.0.0', bin: 'x.js', deprecated: 'insecure' },
          '2.0.0': {
            name: 'mcp-mail',
            version: '2.0.0',
            bin: { 'mcp-mail': 'x.js' },
            description: 'Sends mail',
            dependencies: { '@modelcontextprotocol/sdk': '^1' },
            scripts: { postinstall: 'x' },
          },
        },
      }),
    )
    .on(
      /^\/mcp-both$/,
      json({ name: 'mcp-both', versions: { '1.0.0': { name: 'mcp-both', version: '1.0.0' } } }),
    );
  index.on(/^\/simple\/mcp-both\/$/, json({ files: [{ filename: 'mcp_both-1.0.tar.gz', url: 'x' }] }));
  rig = await createRig({ npm: npm.url, pypi: `${index.url}simple/` });
});

afterAll(async () => {
  await rig.close();
  await Promise.all([npm.close(), index.close()]);
});

describe('berth search', () => {
  it('shows what to run, and says on standard error who could not be asked', async () => {
    const { berth } = await createMachine({ discovery: rig.discovery });
    const { code, out, err } = await berth('search', 'send', 'mail');
    expect(code).toBe(0);
    expect(out).toBe(
      'RUN            VERSION   MCP      FROM   WHAT\nnpm:mcp-mail   2.0.0     likely   npm    Sends mail\n',
    );
    expect(err).toMatch(/^- pypi: a Python index has no search.*\n$/);
  });

  it('writes names, JSON and YAML for programs', async () => {
    const { berth } = await createMachine({ discovery: rig.discovery });
    expect((await berth('search', 'mail', '-o', 'name')).out).toBe('npm:mcp-mail\n');
    expect((await berth('search', 'mail', '-o', 'wide')).out).toContain('its keywords have mcp');
    const { out, err } = await berth('search', 'mail', '-o', 'json');
    expect(JSON.parse(out)).toMatchObject({
      total: 1,
      results: [{ reference: 'npm:mcp-mail' }],
      providers: expect.any(Array),
    });
    expect(err).toBe('');
    expect((await berth('search', 'mail', '-o', 'yaml')).out).toContain('reference: npm:mcp-mail\n');
  });

  it('shows failures, and ends with 5 when nothing was found because of them', async () => {
    const { berth } = await createMachine();
    const found = await berth('search', 'time');
    expect(found.code).toBe(0);
    expect(found.out).toContain('time');
    expect(found.err).toContain('! npm: the npm registry cannot be reached (ECONNREFUSED)\n');
    const nothing = await berth('search', 'zzzzzz');
    expect([nothing.code, nothing.out]).toEqual([5, '']);
    expect(nothing.err).toContain('Nothing was found.\n');
    expect((await berth('search', 'x', '--limit', 'many')).code).toBe(1);
  });
});

describe('berth package', () => {
  it('shows what to decide on, and the next step', async () => {
    const { berth } = await createMachine({ discovery: rig.discovery });
    const { code, out } = await berth('package', 'npm:mcp-mail');
    expect(code).toBe(0);
    expect(out).toMatch(/^npm:mcp-mail 2\.0\.0\nSends mail\n! it has install scripts, which are not run\n/);
    expect(out).toMatch(/MCP server +yes: it depends on @modelcontextprotocol\/sdk; its name says MCP\n/);
    expect(out).toMatch(/downloads +unknown\n/);
    expect(out).toMatch(/provenance +unknown\n/);
    expect(out).toMatch(/2\.0\.0 +- +- +latest\n1\.0\.0 +- +- +deprecated\n/);
    expect(out).toMatch(/\nNext: berth run npm:mcp-mail@2\.0\.0\n$/);
  });

  it('takes a version, a bare name, and a template for its package', async () => {
    const { berth } = await createMachine({ discovery: rig.discovery });
    expect((await berth('package', 'npm:mcp-mail@1.0.0', '-o', 'name')).out).toBe('npm:mcp-mail@1.0.0\n');
    expect((await berth('package', 'npm:mcp-mail@1.0.0')).out).toContain('! deprecated: insecure\n');
    expect(JSON.parse((await berth('package', 'mcp-mail', '-o', 'json')).out)).toMatchObject({
      version: '2.0.0',
    });
    const asked = await berth('package', 'everything');
    expect([asked.code, asked.err]).toEqual([
      1,
      expect.stringContaining('@modelcontextprotocol/server-everything'),
    ]);
  });

  it('asks which one is meant, and says what there is not', async () => {
    const { berth } = await createMachine({ discovery: rig.discovery });
    const both = await berth('package', 'mcp-both');
    expect([both.code, both.err]).toEqual([
      1,
      expect.stringContaining('berth package npm:mcp-both or berth package pypi:mcp-both'),
    ]);
    expect((await berth('package', 'pypi:mcp-both', '-o', 'name')).out).toBe('pypi:mcp-both==1.0\n');
    expect(await berth('package', 'mcp-none')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no package mcp-none on npm or PyPI'),
    });
    expect((await berth('package', 'https://x.example.test/mcp')).err).toContain('is no package');
  });
});
