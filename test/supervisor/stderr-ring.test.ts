import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { DEFAULT_STDERR, type StderrLimits, StderrRing } from '../../src/supervisor/stderr-ring.ts';
import { createScrubber } from '../../src/supervisor/stderr-scrub.ts';
import { spawnFixture } from '../support/local-process.ts';

function ring(limits: Partial<StderrLimits> = {}, secrets: string[] = []) {
  const clock = new ManualClock();
  const made = new StderrRing({
    limits: { ...DEFAULT_STDERR, ...limits },
    scrubber: createScrubber(secrets),
    clock,
  });
  const write = (...chunks: (string | Buffer)[]): void => {
    for (const chunk of chunks) made.write(Buffer.from(chunk));
  };
  return { clock, made, write };
}

describe('the stderr ring', () => {
  it('keeps whole lines from chunks that are cut anywhere, and the unfinished one', () => {
    const { made, write } = ring();
    for (const byte of Buffer.from('één\n\r\ntwo\rthree\r\nfo')) write(Buffer.from([byte]));
    expect(made.tail(10)).toEqual(['één', 'two', 'three', 'fo']);
    write('ur');
    made.end();
    expect(made.tail(2)).toEqual(['three', 'four']);
    expect(made.tail(0)).toEqual([]);
  });

  it('is bounded in lines, in bytes and in the length of a line', () => {
    const { made, write } = ring({ maxLines: 3, maxBytes: 30, lineBytes: 10 });
    write('a\nb\nc\nd\n');
    expect(made.tail(10)).toEqual(['b', 'c', 'd']);
    write(`${'x'.repeat(11)}`, `${'y'.repeat(500)}\n`, 'z\n');
    expect(made.tail(10)).toEqual(['d', `${'x'.repeat(10)} […]`, 'z']);
    write('0123456789\n0123456789\n0123456789\n');
    expect(made.tail(10).join('').length).toBeLessThanOrEqual(30);
  });

  it('strips terminal sequences and control characters', () => {
    const { made, write } = ring();
    write('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007bell\u0007 tab\there\u0000 \u202etxt\n');
    expect(made.tail(1)).toEqual(['red bell tab\there txt']);
  });

  it('tells listeners of each line until they unsubscribe', () => {
    const { made, write } = ring();
    const heard: string[] = [];
    const stop = made.subscribe((line) => heard.push(line));
    write('one\ntw', 'o\n');
    stop();
    write('three\n');
    expect(heard).toEqual(['one', 'two']);
  });
});

describe('secrets in stderr', () => {
  it('are replaced, also when a chunk ends in the middle of one', () => {
    const { made, write } = ring({}, ['hunter2-secret']);
    write('key=hunter', '2-secret.\n');
    expect(made.tail(1)).toEqual(['key=[secret].']);
  });

  it('are replaced as they stand in JSON and in a URL, coloured, and line by line', () => {
    const { made, write } = ring({}, ['pa"ss/wörd', 'line-one\nline-two']);
    write('{"p":"pa\\"ss/wörd"}\n?p=pa%22ss%2Fw%C3%B6rd\npa"\u001b[1mss/\u001b[0mwörd\nline-one\nline-two\n');
    expect(made.tail(9)).toEqual(['{"p":"[secret]"}', '?p=[secret]', '[secret]', '[secret]', '[secret]']);
  });

  it('do not show their beginning where a line is cut or not finished', () => {
    const { made, write } = ring({ lineBytes: 12 }, ['hunter2-secret']);
    write('key=hunter2-secret is wrong\n', 'key=hunter2');
    expect(made.tail(2)).toEqual(['key=[secret] […]', 'key=[secret]']);
  });

  it('do not garble lines when they are too short to be secrets', () => {
    const { made, write } = ring({}, ['', 'a', 'abc']);
    write('abc is as easy as 123\n');
    expect(made.tail(1)).toEqual(['abc is as easy as 123']);
  });
});

describe('a stderr flood', () => {
  const limits = { rateBytes: 1_000, burstBytes: 2_000 };

  it('is counted, reported once, and its last words are kept', () => {
    const { made, write } = ring(limits);
    write('first\n');
    for (let i = 0; i < 1_000; i++) write(`${'flood '.repeat(200)}\n`);
    write('cut\nlast words\n');
    made.end();
    const lines = made.tail(1_000);
    expect(lines[0]).toBe('first');
    expect(lines.filter((line) => line.startsWith('[berth: '))).toHaveLength(1);
    expect(lines.at(-1)).toBe('last words');
    expect(made.dropped).toBeGreaterThan(1_000_000);
  });

  it('ends when the rate falls, without showing half a line', () => {
    const { clock, made, write } = ring(limits);
    write(`${'x'.repeat(1_990)}\n`, 'thrown away\nhalf a li');
    clock.advance(5_000);
    write('ne\nheard again\n');
    expect(made.tail(2)).toEqual([expect.stringMatching(/^\[berth: 21 bytes of stderr/), 'heard again']);
  });

  it('is seen in the tail while it lasts', () => {
    const { made, write } = ring(limits);
    write('a\n', 'x'.repeat(5_000));
    expect(made.tail(2)).toEqual(['a', expect.stringMatching(/^\[berth: 5000 bytes/)]);
  });

  it('of a real process does not grow memory (T-39)', async () => {
    const before = process.memoryUsage().rss;
    const started = await spawnFixture('stderr-flood', ['64']);
    expect(await started.exited).toEqual({ code: 3, signal: null });
    await started.ended;
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * 1024 * 1024);
    expect(started.stderrTail(10_000).join('').length).toBeLessThan(300 * 1024);
    expect(started.stderrTail(1)).toEqual(['last words']);
  });
});
