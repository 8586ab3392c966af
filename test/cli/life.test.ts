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
