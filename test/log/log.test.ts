import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { hashId, requestIdOf, traceIdOf } from '../../src/log/ids.ts';
import { createLog, type LogOptions, silentLog } from '../../src/log/log.ts';
import { createScrubber } from '../../src/log/scrub.ts';

function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => lines.push(line) }, ...options });
  return { log, lines, entry: (index = 0): Record<string, unknown> => JSON.parse(lines[index] ?? 'null') };
}

describe('the log', () => {
  it('writes one JSON object a line, with the bindings of its child', () => {
    const { log, lines, entry } = capture();
    log.child({ requestId: 'r1' }).info({ server: 'files' }, 'session opened');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{[^\n]*\}\n$/);
    expect(entry()).toMatchObject({ level: 30, requestId: 'r1', server: 'files', msg: 'session opened' });
    expect(entry().time).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('writes nothing below its level', () => {
    const { log, lines } = capture({ level: 'warn' });
    log.info('no');
    log.warn('yes');
    silentLog().fatal('no');
    expect(lines).toHaveLength(1);
  });

  it('escapes what a terminal would obey', () => {
    const { log, lines, entry } = capture();
    const text = 'a\u001b[2J\nb\u009bc\u202ed\u2028e';
    log.info({ text }, text);
    expect([...(lines[0] ?? '').trimEnd()].every((letter) => letter >= ' ' && letter <= '~')).toBe(true);
    expect(entry()).toMatchObject({ text, msg: text });
  });

  it('writes text lines that cannot be forged by a message', () => {
    const { log, lines } = capture({ format: 'text' });
    log.child({ server: 'files' }).warn({ note: 'two words' }, 'hello\n00:00:00.000 fatal "forged"\u001b[0m');
    expect(lines[0]).toMatch(
      /^[\d:.]{12} warn {2}hello\\n00:00:00\.000 fatal "forged"\\u001b\[0m server=files note="two words"\n$/,
    );
  });

  it('keeps code and phase of an error', () => {
    const { log, entry } = capture();
    log.error(
      { err: new BerthError('start-failed', 'it ended', { phase: 'spawn', exitCode: 3 }) },
      'no start',
    );
    expect(entry().err).toMatchObject({
      code: 'start-failed',
      phase: 'spawn',
      exitCode: 3,
      message: 'it ended',
    });
  });

  it.each(['err', 'error', 'cause'])('tells what a signal was aborted with, as %s', (field) => {
    const { log, entry } = capture();
    log.error({ [field]: AbortSignal.abort().reason }, 'given up');
    expect(entry()[field]).toEqual({
      type: 'AbortError',
      message: 'This operation was aborted',
      stack: expect.stringContaining('AbortError'),
    });
  });
});

describe('secrets', () => {
  const secret = 'pa"ss\\word/ü';

  it.each(['json', 'text'] as const)('are redacted in messages, fields, keys and errors (%s)', (format) => {
    const { log, lines } = capture({ format, secrets: [secret] });
    log.info(
      { env: { A: secret, [secret]: 1 }, url: `http://x/?q=${encodeURIComponent(secret)}` },
      `value ${secret}`,
    );
    log.error({ err: new Error(`failed with ${secret}`) });
    const text = lines.join('');
    expect(text).not.toContain('ss\\\\word');
    expect(text).not.toContain(encodeURIComponent(secret));
    expect(text).toContain('[redacted]');
  });

  it('of Authorization headers and Berth keys are redacted without being known', () => {
    const { log, lines } = capture();
    const key = `berth_${'x'.repeat(43)}`;
    log.info(
      { headers: { authorization: 'Bearer abc', cookie: 'a=b', 'mcp-session-id': 'sid-1' } },
      `got Bearer abcdefgh and ${key}`,
    );
    expect(lines[0]).not.toMatch(/abc|a=b|sid-1|xxxx/);
  });

  it('that a scrubber learns later are redacted until they are forgotten', () => {
    const scrubber = createScrubber();
    const forget = scrubber.add(['first-secret']);
    const forgetAgain = scrubber.add(['first-secret']);
    forget();
    forget();
    expect(scrubber.scrub('a first-secret b')).toBe('a [redacted] b');
    forgetAgain();
    expect(scrubber.scrub('a first-secret b')).toBe('a first-secret b');
  });

  it('shorter than six characters are left, because they would blank out ordinary words', () => {
    expect(createScrubber(['a', '']).scrub('a cat')).toBe('a cat');
  });
});

describe('ids', () => {
  it('of sessions are hashed: equal for equal ids, and short', () => {
    expect(hashId('one')).toBe(hashId('one'));
    expect(hashId('one')).not.toBe(hashId('two'));
    expect(hashId('one')).toMatch(/^[\w-]{12}$/);
  });

  it('of requests are taken from the caller only when plain', () => {
    expect(requestIdOf('abc-1')).toBe('abc-1');
    for (const bad of ['', 'a b', 'a\nb', 'x'.repeat(129), undefined, ['a', 'b']]) {
      expect(requestIdOf(bad)).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('of traces are read where they are well-formed, also of a version to come', () => {
    const [trace, parent] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    expect(traceIdOf(`00-${trace}-${parent}-01`)).toBe(trace);
    expect(traceIdOf(`cc-${trace}-${parent}-01`)).toBe(trace);
    expect(traceIdOf(`cc-${trace}-${parent}-01-what.comes`)).toBe(trace);
    for (const bad of [
      undefined,
      '',
      ['a', 'b'],
      trace,
      `00-${trace}-${parent}-01-more`,
      `00-${trace}-${parent}-01 `,
      `cc-${trace}-${parent}-01more`,
      `ff-${trace}-${parent}-01`,
      `00-${trace.toUpperCase()}-${parent}-01`,
      `00-${'0'.repeat(32)}-${parent}-01`,
      `00-${trace}-${'0'.repeat(16)}-01`,
      `00-${trace}-${parent}-01, 00-${trace}-${parent}-00`,
    ])
      expect([bad, traceIdOf(bad)]).toEqual([bad, undefined]);
  });
});
