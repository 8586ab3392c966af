/** A registry of MCP servers beside the others, and what it makes of a claim. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AnsweringServer, json, text } from '../support/answering-server.ts';
import { createRig, references, reportOf, resultOf } from './rig.ts';

const OFFICIAL = 'io.modelcontextprotocol.registry/official';
let registry: AnsweringServer;
let npm: AnsweringServer;
let rig: Awaited<ReturnType<typeof createRig>>;

const server = (
  name: string,
  more: Record<string, unknown>,
  official: Record<string, unknown> = { status: 'active' },
) => ({
  server: { name, description: 'Keeps notes', version: '1.0.0', ...more },
  _meta: { [OFFICIAL]: official },
});
const onNpm = (identifier: string) => ({
  packages: [{ registryType: 'npm', identifier, version: '1.0.0', transport: { type: 'stdio' } }],
});
const remote = { remotes: [{ type: 'streamable-http', url: 'https://notes.example.test/mcp' }] };

beforeEach(async () => {
  registry = await new AnsweringServer().start();
  npm = await new AnsweringServer().start();
  registry.on(
    /^\/sub\/v0\.1\/servers\?/,
    json({
      servers: [
        server('io.github.ann/notes', onNpm('mcp-notes')),
        server('com.example/notes', remote),
        server('io.github.ann/gone-notes', onNpm('gone-notes'), { status: 'deleted' }),
        server('io.github.ann/old-notes', onNpm('old-notes'), {
          status: 'deprecated',
          statusMessage: 'moved on',
        }),
        server('io.github.ann/other', { ...onNpm('other'), description: 'Something else' }),
      ],
      metadata: { count: 5 },
    }),
  );
  rig = await createRig({ npm: npm.url, registries: [`${registry.url}sub`] });
});

afterEach(async () => {
  await rig.close();
  await Promise.all([npm.close(), registry.close()]);
});

it('packages and remote servers of an MCP registry are found, deleted ones are not', async () => {
  const answer = await rig.search('notes');
  expect(references(answer)).toEqual(
    expect.arrayContaining(['npm:mcp-notes', 'npm:old-notes', 'https://notes.example.test/mcp']),
  );
  expect(references(answer)).not.toContain('npm:gone-notes');
  // Its search may find by what we do not see.
  expect(references(answer)).not.toContain('npm:other');
  expect(resultOf(answer, 'npm:mcp-notes')).toMatchObject({
    registryName: 'io.github.ann/notes',
    mcp: { verdict: 'yes', reasons: ['an MCP registry lists it', 'its name says MCP'] },
    providers: ['mcp-registry'],
  });
  expect(resultOf(answer, 'npm:old-notes')?.deprecated).toBe('moved on');
  expect(references(answer).indexOf('npm:old-notes')).toBeGreaterThan(
    references(answer).indexOf('npm:mcp-notes'),
  );
  expect(registry.asked[0]?.path).toBe('/sub/v0.1/servers?version=latest&limit=100&search=notes');
});

it('the same server from two places stands once', async () => {
  const hit = {
    package: { name: 'mcp-notes', version: '1.2.0', keywords: ['notes'] },
    downloads: { monthly: 99 },
  };
  npm.on(/^\/-\/v1\/search/, json({ objects: [hit] }));
  const found = (await rig.search('notes')).results.filter((one) => one.package?.name === 'mcp-notes');
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    providers: ['mcp-registry', 'npm'],
    registryName: 'io.github.ann/notes',
    downloads: 99,
    mcp: { verdict: 'yes' },
  });
});

it('an owner is verified when package and entry name each other, and only then', async () => {
  const document = (name: string, mcpName?: string) =>
    json({
      name,
      'dist-tags': { latest: '1.0.0' },
      versions: { '1.0.0': { name, version: '1.0.0', mcpName } },
    });
  npm.on(/^\/mcp-notes$/, document('mcp-notes', 'io.github.ann/notes'));
  npm.on(/^\/old-notes$/, document('old-notes', 'io.github.mallory/notes'));
  expect((await rig.read('npm', 'mcp-notes')).owner).toEqual({
    state: 'verified',
    mcpName: 'io.github.ann/notes',
    listedAs: 'io.github.ann/notes',
    listedBy: 'an MCP registry',
  });
  expect((await rig.read('npm', 'old-notes')).owner.state).toBe('mismatch');
});

it('a registry that is none is told of, and fails alone', async () => {
  registry.on(/^\/sub\//, text('<html></html>', 'text/html'));
  const answer = await rig.search('time');
  expect(reportOf(answer, 'mcp-registry')).toMatchObject({
    state: 'failed',
    failure: { reason: 'malformed' },
  });
  expect(references(answer)).toContain('time');
});
