import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { createFixture, REPORT } from './doubles.ts';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const everything = parseServerSpec({ source: { npm: { name: '@modelcontextprotocol/server-everything' } } });
const time = parseServerSpec({ template: 'time' });
const brave = parseServerSpec({ template: 'brave-search', secrets: { BRAVE_API_KEY: 'env:BRAVE' } });
const wait = { wait: true };

function gate() {
  let open: () => void = () => undefined;
  const hold = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { hold, open };
}

describe('creating a server', () => {
  it('resolves, installs, shakes hands once and then makes it callable', async () => {
    const { manager, packages, host } = await createFixture();
    const { server, created } = await manager.run(everything, wait);
    expect(created).toBe(true);
    expect(server).toMatchObject({ name: 'everything', id: expect.stringMatching(UUID_V4) });
    expect(server.status).toMatchObject({
      state: 'running',
      reason: 'Ready',
      era: 'legacy',
      protocolVersion: '2025-11-25',
      tools: REPORT.tools,
      sessions: 2,
      package: { ecosystem: 'npm', name: '@modelcontextprotocol/server-everything', version: '1.2.3' },
      endpoints: [
        { transport: 'streamable-http', url: 'http://127.0.0.1:8053/servers/everything/mcp' },
        { transport: 'sse', url: 'http://127.0.0.1:8053/servers/everything/sse' },
        { transport: 'websocket', url: 'ws://127.0.0.1:8053/servers/everything/ws' },
      ],
    });
    expect(server.status.phases.map(({ phase }) => phase)).toEqual([
      'resolve',
      'install',
      'spawn',
      'handshake',
    ]);
    expect(server.status.phases.slice(2)).toEqual([
      { phase: 'spawn', ms: 12 },
      { phase: 'handshake', ms: 35 },
    ]);
    expect(packages.resolved).toHaveLength(1);
    expect(host.probed).toHaveLength(1);
    expect(host.defined.get(server.id)).toEqual({ ...host.probed[0], eras: ['legacy'] });
  });

  it('is idempotent for the same specification and a conflict for another one', async () => {
    const { manager, packages, host } = await createFixture();
    const first = await manager.run(everything, wait);
    const second = await manager.run(
      parseServerSpec({
        name: 'everything',
        source: { npm: { name: '@modelcontextprotocol/server-everything' } },
      }),
      wait,
    );
    expect(second).toMatchObject({ created: false, server: { id: first.server.id } });
    expect([packages.resolved.length, host.probed.length]).toEqual([1, 1]);
    await expect(manager.run({ ...everything, args: ['x'] })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('is done once when asked for twice at one time', async () => {
    const { manager, packages, host } = await createFixture();
    const [a, b] = await Promise.all([manager.run(time, wait), manager.run(time, wait)]);
    expect(a.server.id).toBe(b.server.id);
    expect([packages.resolved.length, host.probed.length]).toEqual([1, 1]);
  });

  it('does not wait unless asked', async () => {
    const { manager, packages } = await createFixture();
    const { hold, open } = gate();
    packages.hold = hold;
    const { server } = await manager.run(time);
    expect(['pending', 'starting']).toContain(server.status.state);
    expect(manager.find('time')?.state).not.toBe('running');
    open();
    await manager.start('time', wait);
    expect(manager.find('time')).toMatchObject({
      state: 'running',
      id: server.id,
      isolation: 'session',
      sessions: 'minted',
    });
  });

  it('stops waiting, not starting, when the caller goes away', async () => {
    const { manager, packages } = await createFixture();
    const { hold, open } = gate();
    packages.hold = hold;
    const abort = new AbortController();
    const waiting = manager.run(time, { wait: true, signal: abort.signal });
    abort.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    open();
    await expect(manager.start('time', wait)).resolves.toMatchObject({ status: { state: 'running' } });
  });

  it('starts nothing and records nothing when an input is missing', async () => {
    const { manager, packages, store } = await createFixture();
    await expect(manager.run(parseServerSpec({ template: 'brave-search' }), wait)).rejects.toMatchObject({
      code: 'missing-input',
      message: 'brave-search needs BRAVE_API_KEY (secret)',
    });
    await expect(manager.run(parseServerSpec({ template: 'archon-core' }), wait)).rejects.toMatchObject({
      code: 'not-allowed',
    });
    expect([packages.resolved.length, store.records.size, manager.list().length]).toEqual([0, 0, 0]);
  });

  it('obeys the gates and the limit', async () => {
    const closed = await createFixture({ allow: { npm: false, pypi: true, remote: true }, maxServers: 1 });
    await expect(closed.manager.run(everything)).rejects.toMatchObject({
      code: 'not-allowed',
      message: expect.stringContaining('MCP_ALLOW_NPX=false'),
    });
    await closed.manager.run(time, wait);
    await expect(closed.manager.run({ ...time, name: 'other' })).rejects.toMatchObject({
      code: 'limit-reached',
    });
  });

  it('lets only so many start at one time', async () => {
    const { manager, packages } = await createFixture({ parallelStarts: 1 });
    const { hold, open } = gate();
    packages.hold = hold;
    await manager.run(time);
    await manager.run(everything);
    await new Promise(setImmediate);
    expect(manager.get('time').status.state).toBe('starting');
    expect(manager.get('everything').status.state).toBe('pending');
    open();
    await manager.start('everything', wait);
  });
});

describe('secrets', () => {
  it('reach the process and nothing else', async () => {
    const { manager, host, store } = await createFixture();
    const { server } = await manager.run(brave, wait);
    const definition = host.defined.get(server.id);
    expect(definition?.launch?.env).toMatchObject({
      BRAVE_API_KEY: 'canary-brave',
      BRAVE_MCP_TRANSPORT: 'stdio',
    });
    expect(definition?.secrets).toEqual(['canary-brave']);
    const written =
      JSON.stringify([...store.records.values()]) +
      JSON.stringify(manager.list()) +
      JSON.stringify(manager.startLog('brave-search').events);
    expect(written).not.toContain('canary');
    expect(server.spec?.secrets).toEqual({ BRAVE_API_KEY: { fromEnv: 'BRAVE' } });
  });

  it('come from files without their line end', async () => {
    const { manager, host, files } = await createFixture();
    files['/run/key'] = 'from-file\n';
    const { server } = await manager.run(
      parseServerSpec({ template: 'brave-search', secrets: { BRAVE_API_KEY: 'file:/run/key' } }),
      wait,
    );
    expect(host.defined.get(server.id)?.secrets).toEqual(['from-file']);
  });

  it('are asked for before anything is fetched', async () => {
    const { manager, packages } = await createFixture();
    for (const reference of ['env:NOWHERE', 'env:EMPTY', 'file:/nowhere']) {
      const spec = parseServerSpec({
        name: 'b',
        template: 'brave-search',
        secrets: { BRAVE_API_KEY: reference },
      });
      await expect(manager.run(spec, wait)).rejects.toMatchObject({
        code: 'missing-input',
        details: { fields: [{ pointer: '/secrets/BRAVE_API_KEY' }] },
      });
      await manager.remove('b');
    }
    expect(packages.resolved).toEqual([]);
  });
});

describe('a start that fails', () => {
  const exit = new BerthError('start-failed', 'the process ended', {
    phase: 'handshake',
    exitCode: 1,
    stderr: ['ValueError: COLLECTION_NAME is required'],
  });

  it('says phase, exit code, last lines and what to do, and can be tried again', async () => {
    const { manager, host } = await createFixture();
    host.failure = exit;
    await expect(manager.run(time, wait)).rejects.toMatchObject({
      code: 'start-failed',
      details: { phase: 'handshake', exitCode: 1 },
    });
    expect(manager.get('time').status).toMatchObject({
      state: 'failed',
      message: 'the process ended',
      hint: exit.hint,
      failure: { code: 'start-failed', stderr: exit.details.stderr },
    });
    expect(manager.find('time')).toMatchObject({
      state: 'failed',
      failure: { code: 'start-failed', details: { exitCode: 1 } },
    });
    expect(manager.logs('time', 10).map(({ text }) => text)).toEqual(exit.details.stderr);
    host.failure = undefined;
    await manager.run(time, wait);
    expect(manager.get('time').status.failure).toBeUndefined();
    expect(manager.find('time')?.failure).toBeUndefined();
  });

  it('gives way to a corrected specification, as long as it has never run', async () => {
    const { manager, host } = await createFixture();
    host.failure = exit;
    await manager.run(time, wait).catch(() => undefined);
    await expect(
      manager.run(parseServerSpec({ name: 'time', template: 'brave-search' })),
    ).rejects.toMatchObject({ code: 'missing-input' });
    expect(manager.get('time').status.state).toBe('failed');
    host.failure = undefined;
    const corrected = { ...time, env: { COLLECTION_NAME: 'a' } };
    expect(await manager.run(corrected, wait)).toMatchObject({
      created: true,
      server: { spec: { env: { COLLECTION_NAME: 'a' } } },
    });
    await manager.stop('time');
    host.failure = exit;
    await manager.start('time', wait).catch(() => undefined);
    await expect(manager.run(time)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('names the phase when the error does not', async () => {
    const { manager, packages } = await createFixture();
    packages.failure = new BerthError('install-failed', 'exit code 1');
    await expect(manager.run(time, wait)).rejects.toMatchObject({ details: { phase: 'install' } });
    expect(
      manager
        .startLog('time')
        .events.map((event) => ('phase' in event ? `${event.type} ${event.phase}` : event.type)),
    ).toEqual(['phase resolve', 'phase resolve', 'phase install', 'progress install', 'failed']);
  });

  it('keeps version and tree, so that the next try does not resolve again', async () => {
    const { manager, host, packages } = await createFixture();
    host.failure = exit;
    await manager.run(time, wait).catch(() => undefined);
    host.failure = undefined;
    await manager.start('time', wait);
    expect(packages.resolved).toHaveLength(1);
    expect(packages.installed.map(({ key }) => key)).toEqual([undefined, 'tree-mcp-server-time']);
  });

  it('points from a package that is gone to the template that takes its place', async () => {
    const { manager, packages } = await createFixture();
    packages.unknown = new BerthError('resolve-failed', 'there is no such package');
    const run = (name: string) => manager.run(parseServerSpec({ source: { npm: { name } } }), wait);
    await expect(run('@modelcontextprotocol/server-playwright')).rejects.toMatchObject({
      details: { phase: 'resolve', hint: expect.stringContaining('berth run playwright') },
    });
    await expect(run('left-pad')).rejects.toMatchObject({ details: { phase: 'resolve' } });
    expect(manager.logs('left-pad', 0)).toEqual([]);
  });

  it('hides what was no BerthError', async () => {
    const { manager, host } = await createFixture();
    host.failure = new Error('internal detail') as BerthError;
    await expect(manager.run(time, wait)).rejects.toMatchObject({ code: 'internal' });
    expect(JSON.stringify(manager.list())).not.toContain('internal detail');
  });
});

describe('stop and remove', () => {
  it('ends the processes, keeps the server, and starts it again without resolving', async () => {
    const { manager, host, packages } = await createFixture();
    const { server } = await manager.run(time, wait);
    const stopped = await manager.stop('time');
    expect(stopped.status).toMatchObject({
      state: 'stopped',
      stoppedAt: expect.stringMatching(/Z$/),
      replicas: { desired: 0, ready: 0 },
    });
    await manager.stop('time', { force: true });
    expect(host.undefined).toEqual([
      { id: server.id, force: false },
      { id: server.id, force: true },
    ]);
    await manager.start('time', wait);
    expect(packages.resolved).toHaveLength(1);
    expect(host.defined.has(server.id)).toBe(true);
  });

  it('calls off a start under way', async () => {
    const { manager, packages, host } = await createFixture();
    packages.hold = gate().hold;
    const waiting = manager.run(time, wait);
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'stopped' });
    await new Promise(setImmediate);
    await manager.stop('time');
    await outcome;
    expect(manager.get('time').status).toMatchObject({ state: 'stopped' });
    expect(host.defined.size).toBe(0);
  });

  it('calls off a start that still waits for its turn', async () => {
    const { manager, packages } = await createFixture({ parallelStarts: 1 });
    packages.hold = gate().hold;
    await manager.run(time);
    await manager.run(everything);
    await manager.stop('everything');
    expect(manager.get('everything').status.state).toBe('stopped');
    await manager.close();
  });

  it('forgets a removed server and its private home', async () => {
    const { manager, store, homes } = await createFixture();
    const { server } = await manager.run(time, wait);
    expect(existsSync(join(homes, server.id))).toBe(true);
    await manager.remove('time');
    expect([store.records.size, existsSync(join(homes, server.id)), manager.find('time')]).toEqual([
      0,
      false,
      undefined,
    ]);
    for (const verb of [
      () => manager.stop('time'),
      () => manager.remove('time'),
      () => manager.start('time'),
    ]) {
      await expect(verb()).rejects.toMatchObject({ code: 'not-found' });
    }
    expect(() => manager.get('time')).toThrow(BerthError);
  });

  it('gives a name used again a new id', async () => {
    const { manager } = await createFixture();
    const first = await manager.run(time, wait);
    await manager.remove('time');
    expect((await manager.run(time, wait)).server.id).not.toBe(first.server.id);
  });
});

describe('a restart of the gateway', () => {
  it('brings back what ran, without resolving and without a handshake, and leaves alone what was stopped', async () => {
    const { manager, again, packages, host } = await createFixture();
    const { server } = await manager.run(time, wait);
    await manager.run(everything, wait);
    await manager.stop('everything');
    await manager.close();
    host.defined.clear();
    const probed = host.probed.length;
    const next = again();
    await next.restore();
    await next.start('time', wait);
    expect(next.get('time')).toMatchObject({
      id: server.id,
      status: { state: 'running', tools: REPORT.tools },
    });
    expect(next.get('everything').status.state).toBe('stopped');
    expect([...host.defined.keys()]).toEqual([server.id]);
    expect(packages.resolved).toHaveLength(2);
    expect(packages.installed.at(-1)?.key).toBe('tree-mcp-server-time');
    expect(host.probed).toHaveLength(probed);
    expect(next.treeKeys()).toEqual(
      new Set(['tree-mcp-server-time', 'tree-@modelcontextprotocol/server-everything']),
    );
  });

  it('starts again what was in the middle of its start, and lets one bad server not stop the others', async () => {
    const { manager, again, packages } = await createFixture();
    await manager.run(time, wait);
    packages.hold = gate().hold;
    await manager.run(everything);
    await manager.close();
    packages.hold = undefined;
    const next = again({ allow: { npm: false, pypi: true, remote: true } });
    await next.restore();
    await next.start('time', wait);
    await expect(next.start('everything', wait)).rejects.toMatchObject({ code: 'not-allowed' });
    expect(next.get('everything').status).toMatchObject({
      state: 'failed',
      failure: { code: 'not-allowed' },
    });
  });

  it('refuses starts once it closes', async () => {
    const { manager } = await createFixture();
    await manager.close();
    await manager.close();
    await expect(manager.run(time)).rejects.toMatchObject({ code: 'stopped' });
  });
});

describe('what happens during a start', () => {
  it('is there for every reader from its beginning to its end', async () => {
    const { manager, packages } = await createFixture();
    const { hold, open } = gate();
    packages.hold = hold;
    await manager.run(time);
    const collect = async () => {
      const types: string[] = [];
      for await (const event of manager.startLog('time').read())
        types.push(event.type === 'phase' ? `${event.phase} ${event.state}` : event.type);
      return types;
    };
    const early = collect();
    await new Promise(setImmediate);
    open();
    const expected = [
      'resolve started',
      'resolve done',
      'install started',
      'progress',
      'install done',
      'spawn started',
      'spawn done',
      'handshake done',
      'running',
    ];
    expect(await early).toEqual(expected);
    expect(await collect()).toEqual(expected);
  });

  it('can be left', async () => {
    const { manager, packages } = await createFixture();
    packages.hold = gate().hold;
    await manager.run(time);
    const abort = new AbortController();
    const reading = (async () => {
      for await (const event of manager.startLog('time').read(abort.signal)) void event;
    })();
    abort.abort();
    await reading;
    await manager.close();
  });
});

it('takes limits from the specification, then from the settings, then the defaults', async () => {
  const { manager, host } = await createFixture({
    limits: { idle: 5_000, spares: 2 },
    publicUrl: () => 'https://berth.test/base/',
  });
  const { server } = await manager.run(parseServerSpec({ template: 'time', limits: { spares: 1 } }), wait);
  expect(host.defined.get(server.id)?.limits).toEqual({ ...DEFAULT_LIMITS, idle: 5_000, spares: 1 });
  expect(server.status.endpoints[2]?.url).toBe('wss://berth.test/base/servers/time/ws');
});

it('gives a template with state its private file', async () => {
  const { manager, host, homes } = await createFixture();
  const { server } = await manager.run(parseServerSpec({ template: 'memory' }), wait);
  expect(host.defined.get(server.id)).toMatchObject({
    isolation: 'shared',
    launch: { env: { MEMORY_FILE_PATH: join(homes, server.id, 'memory.jsonl') } },
  });
});
