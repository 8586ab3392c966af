/** A login at a remote server against a real authorization server: had, renewed, ended, refused. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpCredential } from '../../src/channels/http-credential.ts';
import { Logins } from '../../src/logins/logins.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { OAuthWorld } from '../support/oauth-world.ts';

const REDIRECT = 'http://127.0.0.1:9/callback';
const ID = '5f0c1b8e-5b38-4b6e-9d5e-0f6f1d8f2a11';

let world: OAuthWorld;
let folder: string;
let logins: Logins;
let now: number;
beforeEach(async () => {
  world = await new OAuthWorld().start();
  folder = await mkdtemp(join(tmpdir(), 'berth-login-'));
  now = Date.now();
  logins = open(['localhost', '127.0.0.1']);
});
afterEach(async () => {
  await world.close();
  await rm(folder, { recursive: true, force: true });
});

function open(hosts: readonly string[]): Logins {
  return new Logins({ folder, policy: createRemotePolicy(hosts), now: () => now });
}

const server = () => ({ id: ID, name: 'guarded', url: world.url });
const begin = () => logins.begin(server(), { redirectUri: REDIRECT });

async function login(): Promise<void> {
  const { login: id, authorizationUrl } = await begin();
  await logins.finish(server(), id, await world.agree(authorizationUrl));
}

const credential = async (): Promise<HttpCredential> =>
  (await logins.credentialOf(server())) as HttpCredential;
const ask = async (authorization: string | undefined): Promise<number> => {
  const headers = { authorization: authorization ?? '', 'content-type': 'application/json' };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
  return (await fetch(world.url, { method: 'POST', headers, body })).status;
};

describe('a login', () => {
  it('asks for no more than the server, with PKCE, and keeps what it gets in a file of its own', async () => {
    const { authorizationUrl } = await begin();
    const { searchParams: asked, origin } = new URL(authorizationUrl);
    expect(origin).toBe(world.issuer);
    expect(Object.fromEntries(asked)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      redirect_uri: REDIRECT,
      resource: world.url,
      scope: 'tools offline_access',
    });
    expect(await logins.credentialOf(server())).toBeUndefined();
    await login();
    expect(logins.info(server())).toMatchObject({
      issuer: world.issuer,
      scope: expect.stringContaining('tools'),
      renewable: true,
    });
    expect(await ask((await credential()).authorization)).toBe(200);
    const file = join(folder, `${ID}.json`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const kept = await readFile(file, 'utf8');
    for (const secret of (await credential()).secrets) expect(kept).toContain(secret);
  });

  it('is there again after a restart, for its own server only', async () => {
    await login();
    logins = open(['localhost', '127.0.0.1']);
    expect(await ask((await credential()).authorization)).toBe(200);
    expect(
      await logins.credentialOf({ ...server(), url: 'https://elsewhere.example.com/mcp' }),
    ).toBeUndefined();
    logins.keepOnly(new Set([ID]));
    expect(await readdir(folder)).toEqual([`${ID}.json`]);
    logins.keepOnly(new Set());
    expect(await readdir(folder)).toEqual([]);
  });

  it('is renewed when it is refused, once for all who are refused at a time, and before its time is up', async () => {
    await login();
    const held = await credential();
    const first = held.authorization;
    expect(await Promise.all([held.renew(first), held.renew(first), held.renew(first)])).toEqual([
      true,
      true,
      true,
    ]);
    expect(held.authorization).not.toBe(first);
    expect(await ask(held.authorization)).toBe(200);
    // Rotated: the old refresh token would have ended the login, had it been used twice.
    const second = held.authorization;
    expect(await held.renew(second)).toBe(true);
    logins = open(['localhost', '127.0.0.1']);
    now += 3_600_000;
    const third = (await credential()).authorization;
    expect(third).not.toBe(second);
    expect(await ask(third)).toBe(200);
  });

  it('that was withdrawn says how to log in again', async () => {
    await login();
    const held = await credential();
    world.provider.on('grant.error', () => {});
    const token = await world.provider.AccessToken.find((held.authorization ?? '').slice('Bearer '.length));
    const grant = await world.provider.Grant.find(token?.grantId ?? '');
    await grant?.destroy();
    expect(await held.renew(held.authorization)).toBe(false);
    expect(held.failure).toMatchObject({
      code: 'remote-failed',
      message: expect.stringMatching(/^the login of guarded has ended: .*invalid_grant/),
      hint: 'Log in again with: berth login guarded.',
    });
  });

  it('that cannot be renewed just now is not taken for ended', async () => {
    await login();
    const held = await credential();
    await world.close();
    expect(await held.renew(held.authorization)).toBe(false);
    expect(held.failure.message).toMatch(/^the login of guarded could not be renewed: .*ECONNREFUSED/);
    expect(logins.info(server())).toBeDefined();
  });

  it('ends at both sides with a logout', async () => {
    await login();
    const held = await credential();
    expect(await logins.logout(server())).toBe(true);
    expect(await logins.logout(server())).toBe(false);
    expect(await readdir(folder)).toEqual([]);
    // Whoever still holds it gets no other one, and writes nothing any more.
    expect(await held.renew(held.authorization)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('what comes back is', () => {
  it('taken once, for the server that it was begun for', async () => {
    const { login: id, authorizationUrl } = await begin();
    const back = await world.agree(authorizationUrl);
    const other = { ...server(), id: ID.replace('5', '6') };
    await expect(logins.finish(other, id, back)).rejects.toMatchObject({ code: 'not-found' });
    await expect(logins.finish(server(), id, back)).rejects.toMatchObject({
      code: 'not-found',
      hint: 'Begin it again: berth login guarded.',
    });
  });

  it.each([
    ['another state', (url: URL) => url.searchParams.set('state', 'other')],
    ['another issuer', (url: URL) => url.searchParams.set('iss', 'https://evil.example.com')],
    ['no issuer', (url: URL) => url.searchParams.delete('iss')],
    ['another code', (url: URL) => url.searchParams.set('code', 'other')],
  ])('refused with %s', async (_, change) => {
    const { login: id, authorizationUrl } = await begin();
    const back = new URL(await world.agree(authorizationUrl));
    change(back);
    await expect(logins.finish(server(), id, back.href)).rejects.toMatchObject({ code: 'remote-failed' });
    expect(logins.info(server())).toBeUndefined();
  });

  it('told when the person said no', async () => {
    const { login: id, authorizationUrl } = await begin();
    const back = await world.agree(authorizationUrl, { deny: true });
    await expect(logins.finish(server(), id, back)).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('access_denied (the person said no)'),
    });
  });
});

describe('a server that means ill', () => {
  it('cannot make the gateway ask addresses that are not public', async () => {
    logins = open(['localhost']);
    await expect(begin()).rejects.toMatchObject({ code: 'not-allowed' });
    world.document = { authorization_servers: ['http://169.254.169.254/latest'] };
    logins = open(['localhost', '127.0.0.1']);
    await expect(begin()).rejects.toMatchObject({ code: 'not-allowed' });
    world.document = { authorization_servers: ['file:///etc/passwd'] };
    await expect(begin()).rejects.toMatchObject({ code: 'remote-failed' });
  });

  it('cannot have a token that is meant for another one', async () => {
    world.document = { resource: 'https://bank.example.com/mcp' };
    await expect(begin()).rejects.toMatchObject({
      code: 'remote-failed',
      message: expect.stringContaining('is meant for another server'),
    });
    world.document = { resource: world.url.replace('/mcp', '/other') };
    await expect(begin()).rejects.toMatchObject({ code: 'remote-failed' });
  });

  it('that offers no login says so', async () => {
    world.document = { authorization_servers: [world.url.replace('/mcp', '')] };
    await expect(begin()).rejects.toMatchObject({ code: 'remote-failed' });
  });
});
