/** A machine whose process table cannot be read (no file handles left): processes end all the same, and nobody else with them. */
import { expect, it } from 'vitest';
import type { ProcessTable } from '../../src/supervisor/process-table.ts';
import { eventually, isRunning, spawnFixture, stderrMatch, table } from '../support/local-process.ts';

const scan: ProcessTable['scan'] = () => Promise.reject(new Error('EMFILE'));
const unreadable: ProcessTable = { scan, started: (pid) => table.started(pid) };
const blind: ProcessTable = { scan, started: () => undefined };

it('a process that ends by itself has ended', async () => {
  const started = await spawnFixture('exits', [], { table: unreadable });
  await started.exited;
  await started.ended;
});

it.each([
  ['by its ladder', unreadable, false],
  ['at once', unreadable, true],
  ['by its ladder, with no process to be seen at all', blind, false],
])('a stubborn process is killed %s', async (_how, processes, force) => {
  const started = await spawnFixture('stubborn', [], { table: processes });
  await stderrMatch(started, /(ready)/);
  await started.stop({ force });
  await eventually('its end', () => !isRunning(started.pid));
  expect(started.exit).toMatchObject({ signal: 'SIGKILL' });
});
