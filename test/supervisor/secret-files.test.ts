import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { generationOf } from '../../src/cluster/objects/config-secret.ts';
import { createRemoteSource } from '../../src/runtimes/remote-source.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { readSupervisorConfig } from '../../src/supervisor/definition-file.ts';
import { readSecretFiles, withSecretFiles } from '../../src/supervisor/secret-files.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { blueprint, programs, settings } from '../support/blueprints.ts';

const handler = { message: () => {}, oversized: () => {}, noise: () => {}, drain: () => {}, end: () => {} };
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

let folder: string;
const at = (name: string): string => join(folder, name);
const launch = { file: '/bin/true', args: [], env: { A: 'a' }, cwd: '/' };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-secrets-'));
  await writeFile(at('token'), 'the-value\n');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe('secrets as files', () => {
  it('become variables, and are told apart from what may be shown', async () => {
    const made = await withSecretFiles(launch, { secrets: ['old'], secretFiles: { KEY: at('token') } });
    expect(made.launch.env).toEqual({ A: 'a', KEY: 'the-value' });
    expect(made.secrets).toEqual(['old', 'the-value']);
  });

  it('are read anew each time', async () => {
    const given = { secrets: [], secretFiles: { KEY: at('token') } };
    await withSecretFiles(launch, given);
    await writeFile(at('token'), 'rotated');
    expect((await withSecretFiles(launch, given)).launch.env.KEY).toBe('rotated');
  });

  it('stand beside values that are no secrets, and may be empty', async () => {
    await writeFile(at('level'), 'debug\n');
    await writeFile(at('nothing'), '');
    const valueFiles = { LEVEL: at('level'), NOTHING: at('nothing') };
    const made = await withSecretFiles(launch, {
      secrets: [],
      secretFiles: { KEY: at('token') },
      valueFiles,
    });
    expect(made.launch.env).toEqual({ A: 'a', KEY: 'the-value', LEVEL: 'debug', NOTHING: '' });
    expect(made.secrets).toEqual(['the-value']);
    await rm(at('level'));
    await expect(withSecretFiles(launch, { secrets: [], valueFiles })).rejects.toMatchObject({
      message: 'the value of variable LEVEL cannot be read',
      hint: expect.stringContaining('ConfigMap that LEVEL refers to'),
    });
  });

  it.each([
    ['is not there', undefined],
    ['is empty', '\n'],
    ['holds what no variable can', 'a\0b'],
    ['is too long', 'x'.repeat(70_000)],
  ])('that one %s is a failed start that names it, and no value', async (_what, text) => {
    if (text === undefined) await rm(at('token'));
    else await writeFile(at('token'), text);
    await expect(readSecretFiles({ KEY: at('token') })).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringMatching(/^the value of secret KEY (?!.*xxx)/),
      details: { phase: 'spawn' },
    });
  });
});

describe('headers from files', () => {
  let server: Server;
  const seen: (string | undefined)[] = [];

  beforeEach(async () => {
    seen.length = 0;
    server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"jsonrpc":"2.0","id":1,"result":{}}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('are read for each connection, with their scheme', async () => {
    const { port } = server.address() as AddressInfo;
    const source = createRemoteSource(
      {
        id: 'x',
        name: 'x',
        limits: DEFAULT_LIMITS,
        secrets: [],
        remote: {
          url: `http://127.0.0.1:${port}/mcp`,
          transport: 'streamable-http',
          headers: {},
          headerFiles: { authorization: { file: at('token'), scheme: 'Bearer' } },
        },
      },
      { policy: createRemotePolicy(['127.0.0.1']), clock: systemClock },
    );
    for (const value of ['first', 'second']) {
      await writeFile(at('token'), value);
      const connection = await source.acquire();
      connection.channel.start(handler);
      connection.channel.send([Buffer.from(INITIALIZE)]);
      await expect.poll(() => seen.length).toBeGreaterThan(0);
      expect(seen.pop()).toBe(`Bearer ${value}`);
      expect(connection.scrub(`it said ${value}`)).toBe('it said [secret]');
      await connection.stop({ force: true });
    }
    await source.close();
  });
});

describe('supervisor.json', () => {
  it.each(Object.entries(programs))('of kind %s is what a supervisor reads', async (_name, program) => {
    const { secret } = generationOf(blueprint(program), settings);
    await writeFile(at('supervisor.json'), Buffer.from(secret.data['supervisor.json']!, 'base64'));
    const config = await readSupervisorConfig(at('supervisor.json'));
    expect(config).toMatchObject({ status: '/run/berth/status/status', drain: 290_000 });
    const [server] = config.servers;
    expect(server?.limits).toMatchObject({ sessions: 40, idle: DEFAULT_LIMITS.idle });
    expect(server?.remote === undefined).toBe(server?.launch !== undefined);
    expect(config.spawn !== undefined).toBe(server?.launch !== undefined);
    const url = `http://berth-trees.mcp:8080/trees/${'d'.repeat(64)}`;
    expect(server?.tree).toEqual(program.kind === 'package' ? { url, into: '/berth/tree' } : undefined);
  });

  it('has one program, here or elsewhere', async () => {
    const server = {
      id: '6f1c2c0e-0000-4000-8000-000000000001',
      name: 'x',
      isolation: 'session',
      sessions: 'minted',
    };
    await writeFile(at('supervisor.json'), JSON.stringify({ dataDir: folder, servers: [server] }));
    await expect(readSupervisorConfig(at('supervisor.json'))).rejects.toMatchObject({ code: 'bad-setting' });
  });
});
