import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { createMachine } from './system-double.ts';

async function withServer() {
  const machine = await createMachine();
  await machine.berth('run', 'time');
  return machine;
}

describe('the rest of the life of a server', () => {
  it('is restarted and scaled, at once or waiting for it', async () => {
    const { berth, manager, host } = await withServer();
    const probed = host.probed.length;
    expect((await berth('restart', 'time', '--wait')).out).toContain('time is running');
    expect(host.probed.length).toBeGreaterThan(probed);
    expect(await berth('scale', 'time', '0')).toMatchObject({ code: 0, out: 'time is stopped\n' });
    expect((await berth('scale', 'time', '1', '--wait')).out).toBe('time is running\n');
    expect((await berth('scale', 'time', '2')).err).toContain('one machine runs one replica');
    expect((await berth('scale', 'time', 'many')).err).toContain('must be from 0 to 10');
    expect((await berth('scale', 'time', '11')).code).toBe(1);
    await berth('stop', 'time');
    expect((await berth('start', 'time', '--wait')).out).toContain('time is running, 2 tools');
    expect(manager.get('time').status.state).toBe('running');
  });

  it('leaves it to the gateway to wait for a restart, which alone knows when what ran before has been replaced', async () => {
    const { berth, sent } = await withServer();
    const restarts = () =>
      sent.map(({ url }) => url.split('/restart')[1]).filter((rest) => rest !== undefined);
    await berth('restart', 'time');
    await berth('restart', 'time', '--wait');
    expect(restarts()).toEqual(['', '?wait=ready']);
  });

  it('says with --wait why a start failed', async () => {
    const { berth, host } = await withServer();
    host.failure = new BerthError('start-failed', 'no key', { phase: 'handshake', exitCode: 3 });
    const { code, err } = await berth('restart', 'time', '--wait');
    expect([code, err]).toEqual([5, expect.stringContaining('failed in phase start, exit code 3')]);
    expect((await berth('restart', 'nobody')).code).toBe(1);
  });

  it('is seen in its events and endpoints', async () => {
    const { berth } = await withServer();
    const { out } = await berth('events', 'time');
    expect(out).toMatch(/^\d{4}-\S+ {2}resolve started\n/);
    expect(out).toMatch(/ {2}running\n$/);
    const lines = (await berth('-o', 'json', 'events', 'time')).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).type).at(-1)).toBe('running');
    expect((await berth('-o', 'yaml', 'events', 'time')).out).toMatch(/^ {2}type: phase$/m);
    expect((await berth('endpoints')).out).toMatch(
      /^time +streamable-http +http:\/\/127\.0\.0\.1:8053\/servers\/time\/mcp$/m,
    );
    expect((await berth('-o', 'name', 'endpoints', 'time')).out.split('\n')).toHaveLength(4);
  });

  it('is watched with all others, until who watches leaves', async () => {
    const machine = await withServer();
    const { berth, screen, signals, manager } = machine;
    const watching = berth('events');
    await expect.poll(() => signals.size).toBe(1);
    await manager.stop('time');
    await expect.poll(() => screen.out).toMatch(/^\d{4}-\S+ {2}time changed {2}stopped {2}time is stopped$/m);
    for (const leave of signals) leave();
    expect((await watching).code).toBe(0);
  });

  it.each([
    [['legacy'], 'legacy'],
    [['legacy', 'modern'], 'both'],
  ] as const)('is listed with what it speaks: %j', async (eras, text) => {
    const { berth, host } = await createMachine();
    host.report = { ...host.report, eras };
    await berth('run', 'time');
    expect((await berth('ls')).out).toMatch(new RegExp(` ERA .*\\ntime +running +\\d +${text} `));
  });

  it('is found by a label of its own', async () => {
    const { berth } = await withServer();
    expect((await berth('run', 'fetch', '--label', 'team=search', '--label', 'stage=test')).code).toBe(0);
    expect((await berth('-o', 'name', 'ls', '-l', 'team=search', '-l', 'stage')).out).toBe('fetch\n');
    expect((await berth('-o', 'name', 'ls', '-l', 'team=other')).out).toBe('');
    expect((await berth('-o', 'name', 'ls', '--template', 'time', '--type', 'pypi')).out).toBe('time\n');
    expect((await berth('-o', 'wide', 'ls', '-l', 'team')).out).toContain('team=search,stage=test');
    expect((await berth('run', 'time', '--name', 'x', '--label', 'kubernetes.io/x=1')).err).toContain(
      'is a label that programs use among themselves',
    );
    expect((await berth('ls', '--type', 'cargo')).err).toContain('must be one of npm');
  });

  it('is exported without a secret, and imported again as it was', async () => {
    const { berth, manager, files } = await withServer();
    await berth('run', 'brave-search', '--secret', 'BRAVE_API_KEY=env:BRAVE');
    const remote = ['run', 'https://mcp.example.com/mcp', '--header', 'Authorization=Bearer env:BRAVE'];
    await berth(...remote, '--name', 'tracker', '--isolation', 'principal');
    const before = manager.list().map(({ spec }) => spec);
    for (const [format, file] of [
      ['json', 'all.json'],
      ['yaml', 'all.yaml'],
    ] as const) {
      const { out } = await berth('-o', format, 'export');
      expect(out).not.toContain('canary');
      files[`/home/ada/project/${file}`] = out;
      for (const { name } of manager.list()) await berth('rm', name);
      expect((await berth('import', file, '--dry-run')).out).toMatch(/^tracker +tracker +planned/m);
      expect(manager.list()).toEqual([]);
      expect((await berth('import', file)).code).toBe(0);
      expect(manager.list().map(({ spec }) => spec)).toEqual(before);
    }
    const one = JSON.parse((await berth('export', 'time')).out);
    expect(one).toMatchObject({ version: 1, servers: [{ name: 'time', template: 'time' }] });
  });
});

it('berth health makes a check, and shows those before', async () => {
  const { berth, host } = await withServer();
  expect(await berth('health', 'time')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^healthy, 47 ms, \d{4}-\S+Z: time is running\n$/),
  });
  host.failure = new BerthError('start-failed', 'no answer', { phase: 'handshake', hint: 'look at it' });
  const bad = await berth('health', 'time');
  expect([bad.code, bad.out]).toEqual([
    5,
    expect.stringMatching(/^unhealthy, .*: no answer\n {2}hint {4}look at it\n$/),
  ]);
  expect((await berth('health', 'time', '--history')).out).toMatch(
    /^\d{4}-\S+Z +unhealthy +\d+ +1 +no answer$/m,
  );
  expect(JSON.parse((await berth('-o', 'json', 'health', 'time', '--history')).out)[0]).toMatchObject({
    health: 'unhealthy',
    failures: 1,
  });
  expect((await berth('health', 'nobody')).code).toBe(1);
});

it('berth settings shows what the gateway runs with', async () => {
  const { berth } = await createMachine();
  expect((await berth('settings')).out).toMatch(/^port +8053 +default$/m);
  const { out } = await berth('settings', '--given');
  expect(out).toMatch(/^allowedHosts +\["berth\.example\.com"\] +environment variable BERTH_ALLOWED_HOSTS$/m);
  expect(out).not.toContain('8053');
});

describe('berth logs', () => {
  it('shows the log of the gateway, by level and by server, and follows it', async () => {
    const machine = await withServer();
    const { berth, log, screen, signal, signals } = machine;
    log.debug('quiet');
    log.warn({ server: 'time', requestId: 'r1', list: [1] }, 'a check\u001b[0m failed');
    const { code, out } = await berth('logs', '--gateway');
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(
        /^\d{4}-\S+Z debug quiet\n\d{4}-\S+Z warn {2}a check failed server=time requestId=r1 list=\[1\]\n$/,
      ),
    ]);
    expect((await berth('logs', '--gateway', '--level', 'info')).out).not.toContain('quiet');
    expect((await berth('logs', '--gateway', 'time', '--tail', '5')).out).toMatch(/^\S+ warn.*\n$/);
    const [line = ''] = (await berth('-o', 'json', 'logs', '--gateway', 'time')).out.split('\n');
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', server: 'time', details: { list: [1] } });
    const following = berth('logs', '-f', '--gateway');
    await expect.poll(() => signals.size).toBe(1);
    await expect.poll(() => screen.out).toContain('quiet');
    log.info('live');
    await expect.poll(() => screen.out).toContain('info  live');
    signal();
    expect((await following).code).toBe(0);
    expect((await berth('logs', '--gateway', '--clear')).code).toBe(0);
    expect((await berth('logs', '--gateway')).out).toBe('');
  });

  it('shows with --all what the gateway says of a server beside what it writes itself', async () => {
    const { berth, log, host, manager } = await withServer();
    host.write(manager.get('time').id, 'hello');
    log.warn({ server: 'time' }, 'a check failed');
    log.warn({ server: 'other' }, 'of another one');
    const { out } = await berth('logs', 'time', '--all');
    expect(out).toMatch(/^\d{4}-\S+Z server {2}hello$/m);
    expect(out).toMatch(/^\d{4}-\S+Z warn {4}a check failed$/m);
    expect(out).not.toContain('another');
    expect((await berth('logs', 'time')).out).toBe('hello\n');
  });

  it('says what does not go together', async () => {
    const { berth } = await withServer();
    for (const [argv, words] of [
      [[], 'a server or --gateway is needed'],
      [['time', '--level', 'info'], 'Use them with --gateway'],
      [['time', '--clear'], 'Use them with --gateway'],
      [['time', '--all', '--gateway'], 'either --all or --gateway'],
      [['--gateway', '--tail', '-1'], '--tail must be a whole number'],
      [['--gateway', '--level', 'loud'], 'must be one of trace, debug'],
    ] as const) {
      const { code, err } = await berth('logs', ...argv);
      expect([code, err]).toEqual([1, expect.stringContaining(words)]);
    }
  });
});
