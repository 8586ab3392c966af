/** Standard output that is no message: in the server's log, within bounds, without its secrets. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { NoiseLog } from '../../src/supervisor/noise-log.ts';
import { spawnProcess } from '../../src/supervisor/process.ts';
import { eventually, fixtureLaunch, spawnOptions } from '../support/local-process.ts';

describe('the log of noise', () => {
  it('takes 20 lines a minute, and tells how many more there were', () => {
    const clock = new ManualClock();
    const lines: string[] = [];
    const log = new NoiseLog(clock, (text) => lines.push(text));
    for (let n = 0; n < 50; n++) log.line(Buffer.from(`line ${n}`));
    expect(lines).toHaveLength(20);
    expect(lines[0]).toBe('[stdout, no message] line 0');
    clock.advance(60_000);
    log.line(Buffer.from('later'));
    expect(lines.slice(20)).toEqual([
      '[berth: 30 further lines of stdout were no messages]',
      '[stdout, no message] later',
    ]);
  });

  it('shows the beginning of a long line', () => {
    const seen: [number, boolean][] = [];
    const log = new NoiseLog(new ManualClock(), (text, cut) => seen.push([text.length, cut]));
    log.line(Buffer.alloc(10_000, 'x'));
    expect(seen).toEqual([[521, true]]);
  });
});

it('a process that prints to its standard output has it among its stderr lines, scrubbed', async () => {
  const program = `console.log('starting with hunter-2 ${'x'.repeat(600)}'); setInterval(() => {}, 1000)`;
  const launch = { ...fixtureLaunch('polite'), args: ['-e', program] };
  const started = await spawnProcess(launch, spawnOptions({ secrets: ['hunter-2'] }));
  const told: string[] = [];
  started.onStderr((line) => told.push(line));
  started.channel.start({ message() {}, oversized() {}, noise() {}, drain() {}, end() {} });
  const line = await eventually('the line', () => started.stderrTail(5)[0]);
  expect(line).toMatch(/^\[stdout, no message\] starting with \[secret\] x+ \[…\]$/);
  expect(told).toEqual([line]);
  await started.stop({ force: true });
});
