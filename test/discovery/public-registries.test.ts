/** Exact names with the registries that this machine is set up for; what a mirror of them leaves out may be unknown. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Discovery } from '../../src/discovery/discovery.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';

let home: string;
let discovery: Discovery;
const { signal } = new AbortController();

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-public-'));
  // No list of names: those of public indexes are theirs.
  const templates = new TemplateCatalogue([]);
  const options = { registries: [], pypiNames: false, deadline: 30_000 };
  discovery = new Discovery({ dataDir: home, env: process.env, templates, ...options });
});

afterAll(async () => {
  await discovery.close();
  await rm(home, { recursive: true, force: true });
});

it.each([
  ['npm', '@modelcontextprotocol/server-everything', '@modelcontextprotocol/sdk'],
  ['pypi', 'mcp-server-time', 'mcp'],
] as const)('%s %s is an MCP server, and is told with its versions', async (ecosystem, name, sdk) => {
  const found = await discovery.package({ ecosystem, name, refresh: false, signal });
  expect(found.mcp.verdict).toBe('yes');
  expect(Object.keys(found.dependencies ?? {})).toContain(sdk);
  expect(found.versions.length).toBeGreaterThan(3);
  expect(found.versions.map(({ version }) => version)).toContain(found.version);
});

it('exact names are found on both sides, without any search', async () => {
  const ask = async (text: string) =>
    await discovery.search({ text, providers: ['exact'], limit: 20, all: false, refresh: false, signal });
  expect((await ask('@playwright/mcp')).results.map(({ reference }) => reference)).toEqual([
    'npm:@playwright/mcp',
  ]);
  const fetch = await ask('mcp-server-fetch');
  expect(fetch.results.map(({ reference }) => reference)).toContain('pypi:mcp-server-fetch');
});
