/** The small modes of berth-spawn: probe and copy, and what it says when it is called wrongly. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildSpawn } from '../support/spawn-helper.ts';

const program = await buildSpawn();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-files-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]): SpawnSyncReturns<string> =>
  spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });

describe('probe', () => {
  const probe = (text: string, ...args: string[]) => {
    const status = join(folder, 'status');
    writeFileSync(status, text);
    return run('probe', '--status', status, ...args);
  };

  it.each([
    ['starting', 1, 0],
    ['ready', 0, 0],
    ['failing', 1, 0],
    ['draining', 1, 0],
    ['stopped', 1, 1],
    ['readyish', 1, 1],
    ['', 1, 1],
  ])('of "%s" tells whether it is ready (%i) and alive (%i), and why', (word, ready, live) => {
    const text = word === '' ? '' : `${word} sessions=2\nfailure phase=spawn: no such program\n`;
    expect(probe(text)).toMatchObject({ status: ready, stdout: text, stderr: '' });
    expect(probe(text, '--mode', 'ready')).toMatchObject({ status: ready });
    expect(probe(text, '--mode', 'live')).toMatchObject({ status: live, stdout: text });
  });

  it('takes a status that is one word', () => {
    expect(probe('ready').status).toBe(0);
    expect(probe('ready\n').status).toBe(0);
  });

  it('prints a bounded part of what is there', () => {
    expect(probe(`ready ${'x'.repeat(100_000)}`).stdout).toHaveLength(4_096);
  });

  it('takes a status that was not written anew for dead', () => {
    const status = join(folder, 'status');
    writeFileSync(status, 'ready\n');
    const then = Date.now() / 1_000 - 60;
    utimesSync(status, then, then);
    expect(run('probe', '--status', status, '--mode', 'live')).toMatchObject({ status: 0 });
    const late = run('probe', '--status', status, '--mode', 'live', '--max-age', '30');
    expect(late).toMatchObject({ status: 1, stdout: 'ready\n' });
    expect(late.stderr).toContain('not written for 30 s');
    expect(run('probe', '--status', status, '--max-age', '120')).toMatchObject({ status: 0 });
  });

  it('takes one from the future for dead: the clock was set back, and it was not written anew since', () => {
    const status = join(folder, 'status');
    writeFileSync(status, 'ready\n');
    const then = Date.now() / 1_000 + 60;
    utimesSync(status, then, then);
    expect(run('probe', '--status', status, '--max-age', '30')).toMatchObject({ status: 1 });
    expect(run('probe', '--status', status, '--max-age', '120')).toMatchObject({ status: 0 });
  });

  it('waits for one that is not there yet, or that starts', async () => {
    const status = join(folder, 'status');
    const write = (text: string): void => {
      writeFileSync(`${status}.new`, text);
      renameSync(`${status}.new`, status);
    };
    const probing = spawn(program, ['probe', '--status', status, '--max-age', '30', '--wait-ms', '60000']);
    const printed = readAll(probing.stdout);
    const exit = once(probing, 'exit');
    await setTimeout(200);
    write('starting\n');
    await setTimeout(200);
    expect(probing.exitCode).toBeNull();
    write('ready sessions=1\n');
    expect(await exit).toEqual([0, null]);
    expect(await printed).toBe('ready sessions=1\n');
  });

  it('waits no longer than it is told, and then says how it is', () => {
    const late = probe('starting\n', '--wait-ms', '300');
    expect(late).toMatchObject({ status: 1, stdout: 'starting\n', stderr: '' });
    const missing = run('probe', '--status', join(folder, 'missing'), '--wait-ms', '300');
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    expect(missing.stderr).toContain('No such file or directory');
  });

  it.each(['failing', 'draining', 'stopped'])('does not wait for one that is %s', (word) => {
    expect(probe(`${word}\n`, '--wait-ms', '60000')).toMatchObject({ status: 1, stdout: `${word}\n` });
  });

  it('does not wait for one that hangs', () => {
    const status = join(folder, 'status');
    writeFileSync(status, 'starting\n');
    const then = Date.now() / 1_000 - 60;
    utimesSync(status, then, then);
    const { stderr } = run('probe', '--status', status, '--max-age', '30', '--wait-ms', '60000');
    expect(stderr).toContain('not written for 30 s');
  });

  it('says what it cannot read', () => {
    const { status, stderr } = run('probe', '--status', join(folder, 'missing'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^berth-spawn: cannot read .*missing: No such file or directory\n$/);
    expect(run('probe', '--status', folder).status).toBe(1);
  });
});

describe('copy', () => {
  it('brings the program whole to where it is wanted, to be run by anybody', () => {
    const to = join(folder, 'berth-spawn');
    writeFileSync(to, 'older', { mode: 0o600 });
    expect(run('copy', to)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(to).equals(readFileSync(program))).toBe(true);
    expect(statSync(to).mode & 0o777).toBe(0o755);
    expect(spawnSync(to, ['copy', join(folder, 'again')]).status).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['again', 'berth-spawn']);
  });

  it.each([
    ['a folder that is missing', 'missing/berth-spawn'],
    ['a folder', 'folder'],
  ])('leaves nothing behind when it cannot write to %s', (_name, to) => {
    mkdirSync(join(folder, 'folder'));
    const { status, stderr } = run('copy', join(folder, to));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^berth-spawn: cannot write .*\n$/);
    expect(readdirSync(folder)).toEqual(['folder']);
  });
});

describe('called wrongly', () => {
  it.each([
    [[], 'usage: berth-spawn spawn'],
    [['serve'], 'usage: berth-spawn spawn'],
    [['spawn'], '--socket is missing'],
    [['spawn', '--socket', '/x'], '--peer-uid is missing'],
    [['spawn', '--socket'], '--socket needs a value'],
    [['spawn', '--sockets', '/x'], "unknown option '--sockets'"],
    [
      ['spawn', '--socket', '/x', '--peer-uid', '-1'],
      '--peer-uid must be a whole number from 0 to 4294967294',
    ],
    [['spawn', '--socket', '/x', '--peer-uid', '4294967295'], '--peer-uid must be a whole number'],
    [['spawn', '--socket', '/x', '--peer-uid', '1', '--max-processes', '1025'], '--max-processes must be'],
    [['spawn', '--socket', '/x', '--peer-uid', '1', '--max-processes', '0'], 'must be at least 1'],
    [['spawn', '--socket', '/x', '--peer-uid', '1', '--max-tasks', ''], '--max-tasks must be'],
    [['join'], '--socket is missing'],
    [['join', '--socket', '/x', '--idle-ms', '1s'], '--idle-ms must be a whole number'],
    [['probe'], '--status is missing'],
    [['probe', '--status', '/x', '--wait-ms', '1s'], '--wait-ms must be a whole number'],
    [['probe', '--status', '/x', '--mode', 'dead'], "--mode must be ready or live, not 'dead'"],
    [['copy'], 'the path to copy to is missing'],
    [['copy', 'a', 'b'], 'copy takes one path'],
  ])('with %j it says so in one line', (args, text) => {
    const { status, stderr, stdout } = run(...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^berth-spawn: .*\n$/);
    expect(stderr).toContain(text);
  });

  it.each([
    ['a path that is too long', `/${'x'.repeat(200)}`, 'too long'],
    ['a name that is too long', `@${'x'.repeat(200)}`, 'too long'],
    ['a folder that is missing', '/no/such/folder/socket', 'No such file or directory'],
    ['something that is no socket', '/etc/passwd', 'in use'],
  ])('it does not listen at %s', (_name, socket, text) => {
    const { status, stderr } = run('spawn', '--socket', socket, '--peer-uid', '1');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^berth-spawn: cannot listen at .*\n$/);
    expect(stderr).toContain(text);
  });
});
