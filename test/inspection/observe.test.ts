/** Real processes, watched: without a sandbox everywhere, in one where there is bubblewrap. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TrialStart } from '../../src/inspection/host.ts';
import { createInspectionHost } from '../../src/runtimes/inspection/observe.ts';
import { findSandbox } from '../../src/supervisor/sandbox/bubblewrap.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';
import { fixtureLaunch as conformanceLaunch, FIXTURE_ERAS } from '../support/conformance-fixture.ts';
import { eventually, fixture, spawnOptions, table } from '../support/local-process.ts';
import { SPEAKS } from '../support/requirements.ts';

const found = await findSandbox();
const MODES = 'sandbox' in found ? [true, false] : [true];

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

const { owner } = spawnOptions();
const limits = { ...DEFAULT_LIMITS, startTimeout: 20_000, eofGrace: 200, termGrace: 200 };

async function start(file: string, unsafe: boolean, args: readonly string[] = []): Promise<TrialStart> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-observe-'));
  folders.push(folder);
  const home = join(folder, 'home');
  await mkdir(home);
  const env = { PATH: '/usr/bin:/bin', HOME: home };
  return {
    launch: { file: process.execPath, args: [file, ...args], env, cwd: home },
    tree: { path: join(dirname(file), '..', '..', '..'), program: { file: process.execPath } },
    ...{ folder, home, temporary: join(folder, 'tmp'), secrets: [], network: false, unsafe },
    signal: new AbortController().signal,
  };
}

/** Of every process of this machine. */
async function commandLines(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

describe.each(MODES)('a process that is watched (unsafe: %s)', (unsafe) => {
  it('tells what it is, what it offers and what it leaves', async () => {
    const host = createInspectionHost({ owner, limits, table });
    const seen = await host.observe(await start(fixture('busy-server'), unsafe));
    expect(seen.failure).toBeUndefined();
    expect(seen.report).toMatchObject({ serverInfo: { name: 'busy', version: '1.0.0' }, eras: ['legacy'] });
    // Its list has two pages.
    expect(seen.offers.tools?.map(({ name }) => name)).toEqual(['one', 'two', 'three']);
    expect(seen.offers.resources).toEqual([]);
    expect(seen.offers.resourceTemplates).toBeUndefined();
    expect(seen.stderr[0]).toBe('busy: hello');
    expect(seen.written?.files.map(({ path }) => path)).toEqual(
      unsafe ? ['~/state/notes.txt'] : ['/tmp/scratch', '~/state/notes.txt'],
    );
    // It holds 64 MiB, for a moment, before it answers.
    expect(seen.peakMemoryBytes).toBeGreaterThan(64 * 1024 ** 2);
    expect(seen.phases.map(({ phase }) => phase)).toEqual(
      unsafe ? ['start', 'list'] : ['sandbox', 'start', 'list'],
    );
    if (unsafe) expect(seen.hosts).toBeUndefined();
    else expect([undefined, ['busy.invalid']]).toContainEqual(seen.hosts);
    await host.close();
  });

  it('says why one does not start', async () => {
    const host = createInspectionHost({ owner, limits, table });
    const seen = await host.observe(await start(fixture('exits'), unsafe, ['3']));
    expect(seen.failure).toMatchObject({
      code: 'start-failed',
      details: { phase: 'handshake', exitCode: 3 },
    });
    expect([seen.report, seen.offers]).toEqual([undefined, {}]);
    await host.close();
  });

  it('is gone at the end, with what it has started, whatever it does about signals', async () => {
    const impatient = { ...limits, startTimeout: 1_500 };
    const host = createInspectionHost({ owner, limits: impatient, table });
    const trial = await start(fixture('stubborn'), unsafe, ['mark-of-this-test']);
    const seen = await host.observe({
      ...trial,
      launch: { ...trial.launch, args: [...trial.launch.args, trial.folder] },
    });
    expect(seen.failure).toMatchObject({ code: 'start-failed', details: { phase: 'handshake' } });
    const left = await eventually('its end', async () => {
      const lines = await commandLines();
      return lines.some((line) => line.includes(trial.folder)) ? false : lines;
    });
    expect(left.length).toBeGreaterThan(0);
    await host.close();
  });

  it('ends with the signal of its caller', async () => {
    const host = createInspectionHost({ owner, limits, table });
    const leaving = new AbortController();
    const trial = { ...(await start(fixture('polite'), unsafe)), signal: leaving.signal };
    const observed = host.observe(trial).catch((error: unknown) => error);
    leaving.abort(new Error('left'));
    expect(await observed).toMatchObject({ message: 'left' });
    await host.close();
  });
});

it.each(FIXTURE_ERAS)('finds the eras of a %s server', async (era) => {
  const host = createInspectionHost({ owner, limits, table });
  const trial = await start(fixture('polite'), true);
  const seen = await host.observe({ ...trial, launch: { ...conformanceLaunch(era), cwd: trial.home } });
  expect(seen.report?.eras).toEqual(SPEAKS[era]);
  expect(seen.offers.prompts?.length).toBeGreaterThan(1);
  expect(seen.offers.resourceTemplates?.length).toBeGreaterThan(0);
  await host.close();
});

it('refuses where nothing can hold a program in, and looks again the next time', async () => {
  let searches = 0;
  const host = createInspectionHost({
    ...{ owner, limits, table },
    search: async () => {
      searches++;
      return { reason: 'bubblewrap (bwrap) is not installed' };
    },
  });
  await expect(host.checkSandbox()).rejects.toMatchObject({
    code: 'not-allowed',
    message: expect.stringContaining('bubblewrap (bwrap) is not installed'),
    hint: expect.stringContaining('--unsafe'),
  });
  await expect(host.observe(await start(fixture('exits'), false))).rejects.toMatchObject({
    code: 'not-allowed',
  });
  expect(searches).toBe(2);
});
