/** The status of a supervisor fits into what a probe prints, and names the failure that stands in the way. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import type { PoolStatus } from '../../src/supervisor/process-pool.ts';
import { keepStatusFile } from '../../src/supervisor/status-file.ts';
import { isFailing, type ServerStatus, statusText } from '../../src/supervisor/supervisor-status.ts';

const failure = (message: string, hint = 'do this', stderr: string[] = []): BerthError =>
  new BerthError('start-failed', message, { phase: 'spawn', hint, stderr });

function server(name: string, given: Partial<PoolStatus> = {}, sessions = 0): ServerStatus {
  const pool: PoolStatus = { state: 'ready', live: 0, spares: 0, spoken: false, ...given };
  return { name, open: true, sessions, processes: pool.live, pool };
}

describe('the text', () => {
  it('begins with the state and the sums of all servers', () => {
    const servers = [server('a', { live: 2 }, 1), server('b', { live: 3, spares: 1 }, 2)];
    expect(statusText({ state: 'ready', servers })).toBe(
      'ready sessions=3 processes=5\n' +
        'server a: ready sessions=1 processes=2 spares=0\n' +
        'server b: ready sessions=2 processes=3 spares=1\n',
    );
  });

  it('names the failure of the server that fails before that of one that runs, and its own before both', () => {
    const runs = server('a', { live: 1, reason: failure('once') });
    const fails = server('b', { reason: failure('always', 'mend it', ['first', 'last words']) });
    const own = failure('no helper');
    const second = (status: Parameters<typeof statusText>[0]) => statusText(status).split('\n')[1];
    expect(second({ state: 'ready', servers: [runs] })).toContain('once');
    const text = statusText({ state: 'failing', servers: [runs, fails] });
    expect(text).toContain('failure phase=spawn start-failed: always\nhint: mend it\nstderr: last words\n');
    expect(second({ state: 'failing', servers: [runs, fails], failure: own })).toContain('no helper');
  });

  it('names a handshake that failed, of a server that is not open yet or is no process here', () => {
    const waits = { name: 'a', open: false, sessions: 0, processes: 0 };
    expect(statusText({ state: 'starting', servers: [waits] })).toBe(
      'starting sessions=0 processes=0\nserver a: handshake sessions=0 processes=0 spares=0\n',
    );
    expect(statusText({ state: 'starting', servers: [{ ...waits, fetching: true }] })).toContain(
      'server a: install ',
    );
    const fails = { ...waits, failure: failure('refused initialize') };
    expect(statusText({ state: 'failing', servers: [fails] }).split('\n')[1]).toBe(
      'failure phase=spawn start-failed: refused initialize',
    );
    expect(statusText({ state: 'ready', servers: [{ ...waits, open: true }] })).toContain('server a: ready ');
  });

  it('is never longer than an Event takes, whatever it is made of', () => {
    const long = '🐢'.repeat(2_000);
    const servers = Array.from({ length: 40 }, () => server(long, { reason: failure(long, long, [long]) }));
    const text = statusText({ state: 'failing', servers });
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(1_000);
    expect(text).toMatch(/^failing .*\n[^\ufffd]*\n$/);
  });

  it('has no line and no control character that it did not make', () => {
    const text = statusText({
      state: 'failing',
      servers: [],
      failure: failure('a\nready\r\u001b[31m\u2028b\u0000'),
    });
    expect(text.split('\n')[1]).toBe('failure phase=spawn start-failed: a ready [31m b ');
  });
});

it('a server fails when its handshake does, or when nothing of it runs and the newest start is why', () => {
  const reason = failure('x');
  expect(isFailing(server('a'))).toBe(false);
  expect(isFailing({ failure: reason })).toBe(true);
  expect(isFailing(server('a', { reason }))).toBe(true);
  expect(isFailing(server('a', { reason, live: 1 }))).toBe(false);
  expect(isFailing(server('a', { state: 'failed', reason, live: 1 }))).toBe(true);
});

describe('the file', () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-status-'));
    path = join(folder, 'run', 'status');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is written at once, on every change, anew while nothing changes, and at the end', () => {
    const clock = new ManualClock();
    let text = 'starting\n';
    const file = keepStatusFile({ path, text: () => text, clock });
    expect(readFileSync(path, 'utf8')).toBe('starting\n');
    text = 'ready\n';
    file.update();
    expect(readFileSync(path, 'utf8')).toBe('ready\n');
    utimesSync(path, 1, 1);
    clock.advance(1_000);
    expect(statSync(path).mtimeMs).toBeGreaterThan(1_000);
    text = 'stopped\n';
    file.close();
    file.close();
    expect(readFileSync(path, 'utf8')).toBe('stopped\n');
    text = 'never\n';
    clock.advance(10_000);
    expect(readFileSync(path, 'utf8')).toBe('stopped\n');
    expect(readdirSync(join(folder, 'run'))).toEqual(['status']);
  });

  it('is copied in place to where a container says how it ended', () => {
    const copy = join(folder, 'termination-log');
    writeFileSync(copy, 'older and longer');
    const { ino } = statSync(copy);
    keepStatusFile({ path, copy, text: () => 'ready\n', clock: new ManualClock() }).close();
    expect(readFileSync(copy, 'utf8')).toBe('ready\n');
    expect(statSync(copy).ino).toBe(ino);
  });

  it('that can no longer be written stops nothing', () => {
    const clock = new ManualClock();
    const file = keepStatusFile({ path, text: () => 'ready\n', clock });
    rmSync(join(folder, 'run'), { recursive: true });
    clock.advance(5_000);
    file.close();
    expect(existsSync(path)).toBe(false);
  });
});
