/** A process that stops its keeper, which has the same user: nothing is claimed of its end, and nothing waits for it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { spawnRemote } from '../../src/supervisor/spawn-process.ts';
import { readProgram } from '../../src/supervisor/spawn-read.ts';
import { WatchedClock } from '../cluster-unit/watched-clock.ts';
import { eventually, isRunning, spawnOptions } from '../support/local-process.ts';
import { buildSpawn, launchOf, type RunningHelper, startHelper } from '../support/spawn-helper.ts';

/** More than both graces and what the helper may take besides. */
const LONG = 60_000;
let helper: RunningHelper;
let folder: string;
beforeAll(async () => {
  helper = await startHelper({ program: await buildSpawn() });
});
afterAll(() => helper.close());
beforeEach(() => {
  folder = mkdtempSync(join(helper.folder, 'frozen-'));
});
afterEach(() => {
  for (const pid of noted()) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** The process and its keeper. */
function noted(): number[] {
  try {
    return readFileSync(join(folder, 'pids'), 'utf8')
      .trim()
      .split(' ')
      .map(Number)
      .filter((pid) => pid > 1);
  } catch {
    return [];
  }
}

const shell = (then: string) =>
  launchOf('/bin/sh', ['-c', `echo $$ $PPID > ${join(folder, 'pids')}; ${then}`]);
const onceTold = () => `while [ ! -e ${join(folder, 'go')} ]; do sleep 0.02; done`;
const frozen = () =>
  eventually('its keeper stopped', () => {
    const keeper = noted()[1];
    return keeper !== undefined && / T /.test(readFileSync(`/proc/${keeper}/stat`, 'utf8'));
  });

it('is given up, and may still run', async () => {
  const clock = new WatchedClock();
  const options = { ...spawnOptions({ clock }), socket: helper.socket };
  const started = await spawnRemote(shell(`${onceTold()}; kill -STOP $PPID; exec sleep 1000`), options);
  // Only now the helper has said that it runs.
  writeFileSync(join(folder, 'go'), '');
  await frozen();
  const stopped = started.stop();
  await eventually('its end awaited', () => clock.waits.length > 0);
  clock.advance(LONG);
  await eventually('its last words awaited', () => {
    clock.advance(LONG);
    return started.exit !== undefined;
  });
  await stopped;
  expect(started.mayRun).toBe(true);
  expect(isRunning(noted()[0] ?? 0)).toBe(true);
});

it('does not run when its keeper says that nothing is left', async () => {
  const started = await spawnRemote(shell('exec sleep 1000'), {
    ...spawnOptions(),
    socket: helper.socket,
  });
  await started.stop({ force: true });
  expect(started.mayRun).toBe(false);
});

it('is not believed when it is one of ours whose keeper does not end', async () => {
  const clock = new WatchedClock();
  const read = readProgram(shell(`cat > /dev/null; kill -STOP $PPID; ${onceTold()}; echo 12345`), {
    socket: helper.socket,
    clock,
  });
  const refused = expect(read).rejects.toThrow(/may still run/);
  await frozen();
  const { begun } = clock;
  writeFileSync(join(folder, 'go'), '');
  // All that it says is read, in good time; what is waited for from then on is its end.
  await eventually('its last word read', () => clock.begun > begun);
  await eventually('its end given up', async () => {
    clock.advance(LONG);
    return await Promise.race([refused.then(() => true), new Promise((resolve) => setImmediate(resolve))]);
  });
  await refused;
});
