import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { sessionReport } from '../servers/doubles.ts';
import { createMachine } from './system-double.ts';

const EVERYTHING = '@modelcontextprotocol/server-everything';

describe('berth run', () => {
  it('shows the phases, the three URLs and the next commands', async () => {
    const { berth } = await createMachine();
    const { code, out, err } = await berth('run', EVERYTHING);
    expect(code).toBe(0);
    expect(err).toMatch(
      new RegExp(
        `^◒ npm:${EVERYTHING} 1\\.2\\.3 {2}resolve ✓( [\\d.]+ s)? {2}install ✓( [\\d.]+ s)? {2}start ✓( [\\d.]+ s)?\\n$`,
      ),
    );
    expect(out).toBe(
      [
        'everything is running, 2 tools, speaks legacy',
        '  http://127.0.0.1:8053/servers/everything/mcp    Streamable HTTP, old and new clients',
        '  http://127.0.0.1:8053/servers/everything/sse    HTTP+SSE',
        '  ws://127.0.0.1:8053/servers/everything/ws       WebSocket',
        'Next: berth connect claude-code everything · berth tools everything · berth logs -f everything · berth stop everything',
        '',
      ].join('\n'),
    );
  });

  it('passes everything that was given', async () => {
    const { berth, packages, host, manager } = await createMachine();
    const { code } = await berth(
      'run',
      'pypi:mcp-server-qdrant==0.8.0',
      '--name',
      'vectors',
      '--env',
      'COLLECTION_NAME=a=b',
      '--secret',
      'TOKEN=env:BRAVE',
      '--bin',
      'mcp-server-qdrant',
      '--isolation',
      'shared',
      '--',
      '--transport',
      '-v',
    );
    expect(code).toBe(0);
    expect(packages.resolved).toEqual([
      expect.objectContaining({
        ecosystem: 'pypi',
        name: 'mcp-server-qdrant',
        version: '0.8.0',
        bin: 'mcp-server-qdrant',
      }),
    ]);
    const definition = host.defined.get(manager.get('vectors').id);
    expect(definition).toMatchObject({
      isolation: 'shared',
      launch: { env: { COLLECTION_NAME: 'a=b', TOKEN: 'canary-brave' } },
    });
    expect(definition?.launch?.args.slice(-2)).toEqual(['--transport', '-v']);
  });

  it('takes a URL for a remote server, with its headers by reference', async () => {
    const { berth, host, manager, packages } = await createMachine();
    const url = 'https://mcp.example.com/mcp?project=1';
    const { code, out, err } = await berth(
      ...['run', url, '--header', 'Authorization=Bearer env:BRAVE', '--transport', 'sse'],
      ...['--isolation', 'principal'],
    );
    expect(code).toBe(0);
    expect(err).toMatch(/^◒ mcp\.example\.com\/mcp {2}start ✓( [\d.]+ s)?\n$/);
    expect(out).toContain('example is running, 2 tools');
    expect(host.defined.get(manager.get('example').id)).toMatchObject({
      remote: { url, transport: 'sse', headers: { Authorization: 'Bearer canary-brave' } },
      isolation: 'principal',
    });
    expect(packages.resolved).toEqual([]);
    expect((await berth('ls')).out).toMatch(/SOURCE.*\n.*https:\/\/mcp\.example\.com\/mcp\?project=1/);
    expect([out, err].join()).not.toContain('canary');
  });

  it('takes a bare name for a template, with arguments after --', async () => {
    const { berth, host, manager } = await createMachine();
    expect((await berth('run', 'filesystem', '--', '/tmp', '/srv')).code).toBe(0);
    expect(host.defined.get(manager.get('filesystem').id)?.launch?.args.slice(-2)).toEqual(['/tmp', '/srv']);
  });

  it('starts what is there already again, without progress when it runs', async () => {
    const { berth, packages } = await createMachine();
    await berth('run', 'time');
    const second = await berth('run', 'time');
    expect([second.code, second.err, packages.resolved.length]).toEqual([0, '', 1]);
    await berth('stop', 'time');
    expect((await berth('run', 'time')).code).toBe(0);
    expect(packages.resolved).toHaveLength(1);
  });

  it('names a missing secret and how to give it', async () => {
    const { berth } = await createMachine();
    expect(await berth('run', 'brave-search')).toEqual({
      code: 1,
      out: '',
      err: '✗ brave-search needs BRAVE_API_KEY (secret)\n  hint    Give it as a reference: berth run brave-search --secret BRAVE_API_KEY=env:BRAVE_API_KEY or file:/path/to/key\n',
    });
  });

  it('says why a server did not start', async () => {
    const { berth, host } = await createMachine();
    host.failure = new BerthError('start-failed', 'the process ended before it answered', {
      phase: 'handshake',
      exitCode: 1,
      stderr: ['\u001b[31mValueError: COLLECTION_NAME is required\u001b[0m'],
      hint: 'set it with --env COLLECTION_NAME=…',
    });
    const { code, err } = await berth('run', 'pypi:mcp-server-qdrant');
    expect(code).toBe(5);
    expect(err.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^✗ failed in phase start, exit code 1 after \d+\.\d s$/),
      '  error   the process ended before it answered',
      '  stderr  ValueError: COLLECTION_NAME is required',
      '  hint    set it with --env COLLECTION_NAME=…',
      '',
    ]);
  });

  it.each([
    ['failed in phase handshake, exit code 1 after 0.2 s', 1, []],
    [
      'failed in phase handshake, no answer to initialize after 30.0 s',
      undefined,
      ['  error   no answer to initialize after 30.0 s'],
    ],
    [
      'failed in phase handshake, closed its output after 1.0 s',
      1,
      ['  error   closed its output after 1.0 s'],
    ],
  ])('names the phase of %j once', async (message, exitCode, reason) => {
    const { berth, host } = await createMachine();
    host.failure = new BerthError('start-failed', message, {
      ...{ phase: 'handshake', hint: 'h' },
      ...(exitCode !== undefined && { exitCode }),
    });
    const { err } = await berth('run', 'pypi:mcp-server-qdrant');
    expect(err.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^✗ failed in phase start/),
      ...reason,
      '  hint    h',
      '',
    ]);
  });

  it('writes one JSON object, and one JSON line for a failure', async () => {
    const { berth, host } = await createMachine();
    const good = await berth('run', 'time', '-o', 'json');
    expect([good.code, good.err]).toEqual([0, '']);
    expect(JSON.parse(good.out)).toMatchObject({ name: 'time', status: { state: 'running' } });
    host.failure = new BerthError('start-failed', 'no', { phase: 'spawn', exitCode: 2 });
    const bad = await berth('run', 'git', '-o', 'json');
    expect([bad.code, bad.out, bad.err.split('\n').length]).toEqual([5, '', 2]);
    expect(JSON.parse(bad.err)).toEqual({
      error: {
        code: 'start-failed',
        message: 'no',
        status: 502,
        phase: 'spawn',
        exitCode: 2,
        hint: expect.any(String),
      },
    });
  });

  it('rewrites one line for a person', async () => {
    const { berth } = await createMachine({ interactive: true });
    const { err } = await berth('run', 'time');
    expect(err.split('\n')).toHaveLength(2);
    expect(err).toContain('\r\u001b[2K');
  });

  it.each([
    [['run', '../x'], 'neither a template, a package nor a URL'],
    [['run', 'Time'], 'neither a template, a package nor a URL'],
    [['run', 'npm:-c'], '/source/npm/name'],
    [['run', 'time', '--env', 'canary'], '--env needs NAME=value'],
    [['run', 'time', '--secret', 'TOKEN=canary'], 'must be a reference'],
    [['run', 'nothing-here'], 'there is no template'],
    [['run', 'https://me:canary@mcp.example.com/'], 'user name or a password'],
    [['run', 'https://mcp.example.com/?api_key=canary'], 'credential in its query'],
    [['run', 'https://mcp.example.com/', '--header', 'X-Key=canary'], 'must be a reference, never a value'],
    [['run', 'https://mcp.example.com/', '--header', 'canary'], '--header needs Name=env:NAME'],
    [['run', 'https://mcp.example.com/', '--transport', 'stdio'], '/source/remote/transport'],
    [['run', 'https://mcp.example.com/', '--', 'x'], 'is nothing that a remote server can be given'],
    [['run', 'time', '--header', 'X-Key=env:BRAVE'], 'for remote servers only'],
    [['run', 'http://10.0.0.1/mcp', '--name', 'x'], 'is not a public address'],
    [['run'], "missing required argument 'reference'"],
    [['dance'], 'unknown command'],
    [['ls', '-o', 'xml'], 'Allowed choices are table, wide, json, yaml, name'],
    [['ls', '--url', 'ftp://x'], 'is no http or https URL'],
  ])('answers %j with what is wrong, and exit code 1', async (argv, text) => {
    const { berth, packages } = await createMachine();
    const { code, err } = await berth(...argv);
    expect(code).toBe(1);
    expect(err).toContain(text);
    expect(err).not.toContain('canary');
    expect(packages.resolved).toEqual([]);
  });
});

describe('berth run without a gateway', () => {
  const runUntil = async (machine: Awaited<ReturnType<typeof createMachine>>, ...argv: string[]) => {
    const running = machine.berth(...argv);
    await expect.poll(() => machine.screen.out).toContain('is running');
    machine.signal();
    return await running;
  };

  it('offers a person to start one, and stops everything on Ctrl-C', async () => {
    const machine = await createMachine({ gateway: false, interactive: true });
    const { code, out } = await runUntil(machine, 'run', 'time');
    expect(machine.state.questions).toEqual([
      'There is no gateway at http://127.0.0.1:8053. Start one here, until Ctrl-C?',
    ]);
    expect(out).toContain('Next, in another terminal: berth connect claude-code time');
    expect([code, machine.state.closed, machine.signals.size]).toEqual([0, 1, 0]);
    expect(machine.manager.get('time').status.state).toBe('stopped');
  });

  it('starts one without asking with --start', async () => {
    const machine = await createMachine({ gateway: false });
    expect((await runUntil(machine, 'run', 'time', '--start')).code).toBe(0);
    expect([machine.state.questions, machine.state.closed]).toEqual([[], 1]);
  });

  it('closes it again when the server does not start', async () => {
    const machine = await createMachine({ gateway: false });
    machine.host.failure = new BerthError('start-failed', 'no', { phase: 'spawn' });
    expect((await machine.berth('run', 'time', '--start')).code).toBe(5);
    expect((await machine.berth('run', 'brave-search', '--start')).code).toBe(1);
    expect(machine.state.closed).toBe(2);
  });

  it.each([
    ['a program cannot answer', false, []],
    ['a person says no', true, []],
    ['the address is another machine', true, ['--url', 'http://berth.invalid:8053']],
  ])('is an error with a next step when %s', async (_why, interactive, more) => {
    const machine = await createMachine({ gateway: false, interactive });
    machine.state.answer = false;
    const { code, err } = await machine.berth('run', 'time', ...more);
    expect(code).toBe(4);
    expect(err).toMatch(/^✗ there is no gateway at http/);
    expect(err).toContain('berth up --detach');
    expect(machine.state.closed).toBe(0);
  });
});

describe('the other commands', () => {
  it('list, show, stop, start and remove', async () => {
    const { berth } = await createMachine();
    expect((await berth('ls', '-o', 'json')).out).toBe('[]\n');
    await berth('run', 'time');
    expect((await berth('ls')).out.split('\n')[1]).toBe(
      'time   running   2          legacy   pypi:mcp-server-time 1.2.3   http://127.0.0.1:8053/servers/time/mcp',
    );
    expect(JSON.parse((await berth('get', 'time')).out)).toMatchObject({ name: 'time' });
    expect(await berth('stop', 'time')).toEqual({
      code: 0,
      err: '',
      out: 'time is stopped. Start it again with berth start time, or remove it with berth rm time.\n',
    });
    expect((await berth('start', 'time')).code).toBe(0);
    expect(await berth('stop', '--all')).toEqual({ code: 0, err: '', out: '1 of 1 stopped\n' });
    expect(JSON.parse((await berth('get', 'time')).out)).toMatchObject({ status: { state: 'stopped' } });
    expect(JSON.parse((await berth('-o', 'json', 'stop', '--all')).out)).toEqual({
      stopped: ['time'],
      failed: [],
    });
    for (const words of [['stop'], ['stop', 'time', '--all']])
      expect(await berth(...words)).toMatchObject({
        code: 1,
        err: expect.stringContaining('berth stop --all'),
      });
    expect((await berth('start', 'time')).code).toBe(0);
    expect((await berth('rm', 'time', '--force')).code).toBe(0);
    expect(await berth('rm', 'time')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no server "time"'),
    });
  });

  it('list the sessions of a server, and end one or all', async () => {
    const { berth, host, manager } = await createMachine();
    await berth('run', 'time');
    const reports = [
      sessionReport('-a', { protocolVersion: '2025\u001b[31m-11-25' }),
      sessionReport('b', { kind: 'process', state: 'unused', processes: [] }),
      sessionReport('c'),
    ];
    host.open.set(manager.get('time').id, reports);
    const [head, first, second] = (await berth('sessions', 'time')).out.split('\n');
    expect(head).toMatch(/^ID +KIND +STATE +WHO +TRANSPORT +PROTOCOL +CALLS/);
    expect(first).toMatch(/^-a +session +busy +local +streamable-http +2025-11-25 +1 +0 +12 +0 +77 +2/);
    expect(second).toMatch(/^b +process +unused .* - +2/);
    expect(JSON.parse((await berth('-o', 'json', 'sessions', 'time')).out)).toHaveLength(3);
    expect(await berth('sessions', 'time', '--end', '-a')).toEqual({ code: 0, out: '', err: '' });
    expect(await berth('sessions', 'time', '--end', '-a')).toMatchObject({
      code: 1,
      err: expect.stringContaining('time has no session "-a"'),
    });
    expect((await berth('sessions', 'time', '--end', 'b', '--end-all')).code).toBe(1);
    expect((await berth('sessions', 'time', '--end-all')).out).toBe('2 ended\n');
    expect(JSON.parse((await berth('get', 'time')).out)).toMatchObject({ status: { sessions: 2 } });
  });

  it('show the use of a server by the day', async () => {
    const { berth, host, manager } = await createMachine();
    await berth('run', 'time');
    const used = { sessions: 1, calls: 20, failedCalls: 3, bytesToServer: 4_000, bytesFromServer: 50_000 };
    host.used.set(manager.get('time').id, used);
    const [head, day, sum] = (await berth('usage', 'time')).out.split('\n');
    expect(head).toMatch(/^DAY +SESSIONS +CALLS +FAILED +BYTES TO SERVER +BYTES FROM SERVER$/);
    expect(day).toMatch(/^\d{4}-\d\d-\d\d +1 +20 +3 +4000 +50000$/);
    expect(sum).toMatch(/^sum +1 +20 +3 +4000 +50000$/);
    expect(JSON.parse((await berth('usage', 'time', '--days', '1', '-o', 'json')).out)).toMatchObject({
      sum: used,
    });
    expect((await berth('usage', 'time', '--days', 'x')).code).toBe(1);
    expect((await berth('usage', 'nobody')).code).toBe(1);
  });

  it('show the catalogue', async () => {
    const { berth } = await createMachine();
    expect((await berth('templates')).out).toMatch(/^brave-search +npm +search +active +yes +Web, news/m);
    const { out } = await berth('get', 'template', 'brave-search');
    expect(out).toMatch(/^BRAVE_API_KEY +required, secret/m);
    expect(out).toContain('# Brave Search');
    expect((await berth('get', 'server', 'x')).code).toBe(1);
  });

  it('show a log, follow it until Ctrl-C, and keep its control characters away', async () => {
    const { berth, host, manager, signal, screen } = await createMachine();
    await berth('run', 'time');
    const { id } = manager.get('time');
    host.write(id, 'one');
    host.write(id, '\u001b]0;title\u0007two');
    expect((await berth('logs', 'time', '--tail', '1')).out).toBe(']0;titletwo\n');
    const following = berth('logs', '-f', 'time');
    await expect.poll(() => host.readers(id)).toBe(1);
    host.write(id, 'three');
    await expect.poll(() => screen.out).toContain('three');
    signal();
    expect(await following).toMatchObject({ code: 0, out: 'one\n]0;titletwo\nthree\n' });
    await expect.poll(() => host.readers(id)).toBe(0);
    expect((await berth('logs', 'time', '--tail', 'x')).code).toBe(1);
  });

  it('manage keys without a gateway', async () => {
    const { berth } = await createMachine({ gateway: false });
    expect(await berth('key', 'add', 'alice')).toMatchObject({ code: 0, out: 'berth_alice\n' });
    expect((await berth('key', 'ls')).out).toContain('alice   manage   file   2026-11-21T00:00:00.000Z');
    expect((await berth('key', 'add', 'bob', '--scope', 'use')).code).toBe(0);
    expect((await berth('key', 'ls')).out).toContain('bob     use      file');
    expect((await berth('key', 'rm', 'alice')).code).toBe(0);
    expect((await berth('key', 'rm', 'alice')).code).toBe(1);
  });

  it.each(['start', 'serve'])('%s runs the gateway until Ctrl-C', async (command) => {
    const { berth, screen, signal, state } = await createMachine({ gateway: false });
    const running = berth(command);
    await expect.poll(() => screen.out).toContain('Berth listens on http://127.0.0.1:8053');
    signal();
    expect((await running).code).toBe(0);
    expect(state.closed).toBe(1);
  });

  it('print help with exit code 0', async () => {
    const { berth } = await createMachine();
    expect(await berth('--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('run [options] <reference> [args...]'),
    });
  });
});

describe('the address and the key', () => {
  it('come from options and the environment, the key never from an argument', async () => {
    const { berth, state, files, sent } = await createMachine();
    files['/run/key'] = 'berth_from-file\n';
    state.env = { BERTH_URL: 'http://127.0.0.1:9000/', BERTH_KEY: 'berth_from-env' };
    await berth('ls');
    await berth('ls', '--url', 'http://127.0.0.1:9001', '--key-file', '/run/key');
    expect(sent.map(({ url, headers }) => [url, headers.get('Authorization')])).toEqual([
      ['http://127.0.0.1:9000/api/v1/servers?limit=1000&offset=0', 'Bearer berth_from-env'],
      ['http://127.0.0.1:9001/api/v1/servers?limit=1000&offset=0', 'Bearer berth_from-file'],
    ]);
    expect((await berth('ls', '--key', 'x')).code).toBe(1);
    expect((await berth('ls', '--key-file', '/nowhere')).err).toContain(
      'the key file /nowhere cannot be read',
    );
  });

  it('give exit code 3 when the key is refused, and 4 when something else answers', async () => {
    const machine = await createMachine();
    const answer = (body: unknown, status: number) => {
      Object.assign(machine.system, { fetch: async () => Response.json(body, { status }) });
    };
    answer({ code: 'unauthorized', detail: 'the key is not valid', hint: 'make one' }, 401);
    expect(await machine.berth('ls')).toMatchObject({
      code: 3,
      err: '✗ the key is not valid\n  hint    make one\n',
    });
    answer({ hello: 'world' }, 404);
    expect(await machine.berth('ls')).toMatchObject({
      code: 4,
      err: expect.stringContaining('is no Berth gateway'),
    });
  });
});
