import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMark, markIn, parseMark } from '../../src/supervisor/process-mark.ts';
import { createProcessTable, statFields } from '../../src/supervisor/process-table.ts';
import { createPsTable, parsePsLine } from '../../src/supervisor/process-table-ps.ts';
import { processUsage } from '../../src/supervisor/process-usage.ts';
import { spawnFixture } from '../support/local-process.ts';

const tables = [['read from the system', createProcessTable]] as [string, typeof createProcessTable][];
if (existsSync('/bin/ps') || existsSync('/usr/bin/ps')) tables.push(['asked of ps', createPsTable]);

describe.each(tables)('the process table, %s', (_name, create) => {
  it('shows a process with its parent and group for as long as it lives', async () => {
    const table = create();
    const started = await spawnFixture('polite');
    const find = async () => (await table.scan()).find(({ pid }) => pid === started.pid);
    const found = await find();
    expect(found).toMatchObject({ parent: process.pid, group: started.pid });
    expect(table.started(started.pid)).toBe(found?.started);
    await started.stop({ force: true });
    expect(await find()).toBeUndefined();
    expect(table.started(started.pid)).toBeUndefined();
  });
});

describe('the process table', () => {
  it('shares one reading between parallel calls', async () => {
    const table = createProcessTable();
    const [one, two] = await Promise.all([table.scan(), table.scan()]);
    expect(one).toBe(two);
    expect(await table.scan()).not.toBe(one);
  });

  it('reads a stat line whose command name holds brackets and spaces', () => {
    expect(statFields('12 (a) S 1) R 7 8 9').slice(0, 4)).toEqual(['R', '7', '8', '9']);
  });

  it('reads the lines of ps and leaves zombies out', () => {
    const line = '  501     1   500 Ss   Sat Nov 21 09:08:07 2026    ';
    const entry = { pid: 501, parent: 1, group: 500, started: 'Sat-Nov-21-09-08-07-2026' };
    expect(parsePsLine(line)).toMatchObject(entry);
    expect(parsePsLine(line.replace('Ss', 'Z+'))).toBeUndefined();
    expect(parsePsLine('')).toBeUndefined();
  });
});

describe('a mark', () => {
  const owner = { folder: '0123456789abcdef', pid: 77, started: '12345' };

  it('names its owner and is different every time', () => {
    expect(parseMark(createMark(owner))).toEqual(owner);
    expect(createMark(owner)).not.toBe(createMark(owner));
  });

  it.each(['', 'a:b:c:d', 'a:1:2', 'a:1:2:3:4', ':1:2:3'])('is not %j', (text) => {
    expect(parseMark(text)).toBeUndefined();
  });

  it('is found in an environment only where a variable begins', () => {
    const find = (text: string) => markIn(Buffer.from(text));
    expect(find('A=1\0BERTH_PROCESS=x:1\0B=2\0')).toBe('x:1');
    expect(find('NOT_BERTH_PROCESS=y\0BERTH_PROCESS=x')).toBe('x');
    expect(find('A=BERTH_PROCESS=x\0')).toBeUndefined();
  });
});

describe('the usage of a process', () => {
  it.runIf(existsSync('/proc/self/stat'))('is its memory and CPU time', async () => {
    const usage = await processUsage(process.pid);
    const { rss } = process.memoryUsage();
    expect(usage?.rssBytes).toBeGreaterThan(rss / 4);
    expect(usage?.rssBytes).toBeLessThan(rss * 4);
    expect(usage?.cpuSeconds).toBeGreaterThan(0);
  });

  it('is unknown for a process that is gone', async () => {
    expect(await processUsage(2 ** 30)).toBeUndefined();
  });
});
