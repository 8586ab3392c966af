/** Real clients read what `berth connect --write` wrote: the Inspector's command line, Continue's own reader, and the SDK. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configYamlSchema } from '@continuedev/config-yaml';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CODE_CACHE } from '../support/code-cache.ts';
import { StandInRegistry } from '../support/stand-in-registry.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const SERVER = `#!/usr/bin/env node
import { createInterface } from 'node:readline';
const inputSchema = { type: 'object', properties: {} };
const results = {
  initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'hello', version: '1.0.0' } },
  'tools/list': { tools: [{ name: 'hello', inputSchema }] },
  'tools/call': { content: [{ type: 'text', text: 'hello from berth' }] },
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line);
  if (id === undefined) return;
  const answer = results[method] ? { result: results[method] } : { error: { code: -32601, message: 'no' } };
  console.log(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
});
`;

let registry: StandInRegistry;
let folder: string;
let url = '';
beforeAll(async () => {
  registry = await new StandInRegistry().start();
  registry.publish('hello-mcp', '1.0.0', {
    manifest: { bin: 'server.mjs' },
    files: { 'server.mjs': SERVER },
  });
  folder = await mkdtemp(join(tmpdir(), 'berth-clients-'));
  url = (JSON.parse(await berth('up', '--detach', '-o', 'json')) as { url: string }).url;
  await berth('run', 'npm:hello-mcp', '--name', 'hello');
  // Published by itself, it looks for the package.json of the folder that it was built in.
  await cp(join(MODULES, '@modelcontextprotocol/inspector-cli'), join(folder, 'inspector', 'cli'), {
    recursive: true,
  });
  await writeFile(join(folder, 'inspector', 'package.json'), '{"name":"inspector","version":"1.0.3"}');
  await symlink(MODULES, join(folder, 'node_modules'));
});
afterAll(async () => {
  await berth('down');
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

const environment = (): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: folder,
  BERTH_DATA_DIR: join(folder, 'data'),
  BERTH_PORT: '0',
  BERTH_URL: url,
  NPM_CONFIG_REGISTRY: registry.url,
  ...CODE_CACHE,
});

/** Standard output of a program that came through. */
function run(file: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file, ...args], { env: environment() }, (error, out, err) =>
      error ? reject(new Error(`${error.message}\n${out}${err}`)) : resolve(out),
    );
  });
}

const berth = (...args: string[]): Promise<string> => run(MAIN, args);

/** The file of a client, as the command wrote it. */
async function connect(client: string, ...more: string[]): Promise<string> {
  const file = join(folder, `${client}${more.join('')}.config`);
  await berth('connect', client, 'hello', '--write', '--file', file, ...more);
  return file;
}

/** What the Inspector finds at the server of that name in the file. */
async function inspect(config: string, ...method: string[]): Promise<unknown> {
  return JSON.parse(
    await run(join(folder, 'inspector/cli/build/cli.js'), [
      '--cli',
      '--config',
      config,
      '--server',
      'hello',
      '--method',
      ...method,
    ]),
  );
}

const HELLO = { content: [{ type: 'text', text: 'hello from berth' }] };

describe("the Inspector's command line", () => {
  it('reads the file of a client that starts a program, lists the tools and calls one', async () => {
    const file = await connect('claude-desktop');
    expect(await inspect(file, 'tools/list')).toMatchObject({ tools: [{ name: 'hello' }] });
    expect(await inspect(file, 'tools/call', '--tool-name', 'hello')).toEqual(HELLO);
  });

  // Its older versions have another word for Streamable HTTP than Claude Code.
  it('reads the file of one that has a choice', async () => {
    const file = await connect('claude-code', '--program');
    expect(await inspect(file, 'tools/list')).toMatchObject({ tools: [{ name: 'hello' }] });
  });
});

it("Continue's own reader takes its file", async () => {
  for (const more of [[], ['--program']]) {
    const text = await readFile(await connect('continue', ...more), 'utf8');
    const { mcpServers = [] } = configYamlSchema.parse({ name: 'mine', version: '1.0.0', ...parse(text) });
    expect(mcpServers).toHaveLength(1);
    await call(mcpServers[0] as Entry);
  }
});

interface Entry {
  readonly url?: string;
  readonly command?: string;
  readonly args?: readonly string[];
}

/** With the SDK, as the entry says. */
async function call(entry: Entry): Promise<void> {
  const transport =
    entry.url === undefined
      ? new StdioClientTransport({
          command: entry.command ?? '',
          args: [...(entry.args ?? [])],
          env: environment(),
        })
      : new StreamableHTTPClientTransport(new URL(entry.url));
  const client = new Client({ name: 'reader', version: '1.0.0' });
  await client.connect(transport as Transport);
  expect(await client.callTool({ name: 'hello', arguments: {} })).toMatchObject(HELLO);
  await client.close();
}

it('the SDK calls what the file of a client with URLs says', async () => {
  const { mcpServers } = JSON.parse(await readFile(await connect('cursor'), 'utf8')) as {
    mcpServers: Record<string, Entry>;
  };
  await call(mcpServers.hello as Entry);
});
