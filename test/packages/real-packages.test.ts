import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PackageSource } from '../../src/packages/package.ts';
import { testPackages, testTree } from '../support/trees.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-real-'));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

it.each([
  [{ ecosystem: 'npm', name: '@modelcontextprotocol/server-everything', version: '2026.8.31' }],
  [{ ecosystem: 'pypi', name: 'mcp-server-time' }],
] satisfies [PackageSource][])('a real server answers initialize from its tree: %j', async (source) => {
  const tree = await testTree(source);
  const { file, args, env, cwd } = testPackages().launch(tree, { args: [], env: {}, home });
  const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.write(`${JSON.stringify(INITIALIZE)}\n`);
  let answer = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    answer += String(chunk);
    if (answer.includes('\n')) break;
  }
  child.kill('SIGKILL');
  expect(JSON.parse(answer)).toMatchObject({ id: 1, result: { serverInfo: { name: expect.any(String) } } });
});

it('a template that needs a newer Python says so, before anything is installed', async () => {
  const asked = testPackages().resolve({ ecosystem: 'pypi', name: 'postgres-mcp', version: '0.3.0' });
  const outcome = await asked.catch(
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );
  // Where the machine has such a Python, it is found and used.
  if (typeof outcome !== 'string') return expect(outcome).toMatchObject({ version: '0.3.0' });
  expect(outcome).toMatch(
    /^resolve-failed: postgres-mcp needs Python >=3\.12, and this machine has 3\.1[01]$/,
  );
});
