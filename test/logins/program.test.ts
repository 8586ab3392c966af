/** `berth login` as a person does it: a server that refuses, a login, calls through the gateway, and the end of it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CODE_CACHE } from '../support/code-cache.ts';
import { OAuthWorld } from '../support/oauth-world.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let world: OAuthWorld;
let folder: string;
let url: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  world = await new OAuthWorld().start();
  folder = await mkdtemp(join(tmpdir(), 'berth-login-'));
  url = '';
  const { out } = await berth('up', '--detach', '-o', 'json');
  url = (JSON.parse(out) as { url: string }).url;
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await berth('down', '--force');
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

const environment = (): NodeJS.ProcessEnv => ({
  PATH: process.env.PATH,
  HOME: folder,
  BERTH_DATA_DIR: join(folder, 'data'),
  BERTH_PORT: '0',
  BERTH_URL: url,
  BERTH_LOG_LEVEL: 'debug',
  BERTH_REMOTE_ALLOWED_HOSTS: 'localhost,127.0.0.1',
  ...CODE_CACHE,
});

function berth(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env: environment() }, (_error, out, err) =>
      resolve({ code: child.exitCode, out, err }),
    );
  });
}

/** Opens what the command shows, as its person would. */
async function login(...args: string[]): Promise<{ code: number | null; shown: string }> {
  const child = spawn(process.execPath, [MAIN, 'login', 'guarded', ...args], { env: environment() });
  children.push(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let shown = '';
  let opened = false;
  const read = (text: string): void => {
    shown += text;
    const address = /^ {2}(http\S+)\n/m.exec(shown)?.[1];
    if (opened || address === undefined) return;
    opened = true;
    // Somebody else on this machine is not taken for the browser.
    void world.agree(address).then(async (back) => {
      const stray = new URL(back);
      stray.searchParams.set('state', 'other');
      expect((await fetch(stray)).status).toBe(404);
      const page = await fetch(back);
      expect([page.status, await page.text()]).toEqual([200, expect.not.stringContaining('code')]);
    });
  };
  child.stderr.setEncoding('utf8').on('data', read);
  child.stdout.setEncoding('utf8').on('data', read);
  return { code: await ended, shown };
}

it('a remote server that wants a login is logged in to, called, renewed, and says when it has ended', async () => {
  const refused = await berth('run', world.url, '--name', 'guarded');
  expect(refused).toMatchObject({ code: 5, err: expect.stringContaining('wants authorization (401)') });
  expect(refused.err).toContain('berth login');

  const done = await login();
  expect(done.shown).toContain(`Logged in to guarded at ${world.issuer}, scope`);
  expect(done.shown).toContain('(renewed by the gateway)');
  expect(done.code).toBe(0);
  const call = () => berth('call', 'guarded', 'whoami');
  expect(await call()).toMatchObject({ code: 0, out: 'ada\n' });

  // The token that is used has come to its end: the call that finds out is answered all the same.
  const used = world.seen.at(-1)?.replace('Bearer ', '') ?? '';
  world.spent.add(used);
  expect(await call()).toMatchObject({ code: 0, out: 'ada\n' });
  const renewed = world.seen.at(-1)?.replace('Bearer ', '') ?? '';
  expect(renewed).not.toBe(used);

  // It is there after a restart of the gateway.
  await berth('down');
  url = (JSON.parse((await berth('up', '-d', '-o', 'json')).out) as { url: string }).url;
  expect(await call()).toMatchObject({ code: 0, out: 'ada\n' });

  const token = await world.provider.AccessToken.find(renewed);
  await (await world.provider.Grant.find(token?.grantId ?? ''))?.destroy();
  world.spent.add(renewed);
  const ended = await call();
  expect(ended.code).toBe(5);
  expect(ended.err).toMatch(
    /the login of guarded has ended: .*\n {2}hint {4}Log in again with: berth login guarded\.\n$/s,
  );

  expect((await login()).code).toBe(0);
  expect(await call()).toMatchObject({ code: 0, out: 'ada\n' });

  const said = [
    await readFile(join(folder, 'data', 'gateway.log'), 'utf8'),
    (await berth('get', 'guarded', '-o', 'json')).out,
    (await berth('export')).out,
    done.shown,
  ].join('\n');
  const tokens = world.seen.map((header) => header.replace('Bearer ', '')).filter((one) => one.length > 20);
  expect(tokens.filter((one) => said.includes(one))).toEqual([]);
  expect((await berth('logout', 'guarded')).code).toBe(0);
  expect((await berth('rm', 'guarded')).code).toBe(0);
  expect((await berth('login', 'guarded')).err).toContain('guarded');
  await berth('run', world.url, '--name', 'guarded', '--header', 'Authorization=Bearer env:PATH');
  expect((await login()).shown).toContain('has a header Authorization of its own');
  expect(await readdir(join(folder, 'data', 'logins'))).toEqual([]);
}, 120_000);
