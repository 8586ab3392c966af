import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { BerthError } from '../../src/errors.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer, type LinkServer, type LinkServerOptions } from '../../src/link/link-server.ts';
import { ANSWER_LIMIT, type LinkQuestion } from '../../src/link/question.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { answerQuestion } from '../../src/supervisor/answer-question.ts';
import { Harness } from '../sessions/harness.ts';
import { until } from './waiting.ts';
import { Wire } from './wire.ts';

const QUESTION: LinkQuestion = { what: 'sessions', server: 'the-server' };

describe('a question over a link', () => {
  let clock: ManualClock;
  let harness: Harness;
  let server: LinkServer | undefined;
  let link: Link;
  let wires: Wire[];

  const start = (options: LinkServerOptions, lazy = true) => {
    server = createLinkServer(harness.supervisor, options);
    link = createSocketLink({
      connect: () => {
        const wire = new Wire();
        wires.push(wire);
        server?.serve(wire.supervisor);
        return Promise.resolve(wire.gateway);
      },
      instance: 'gateway',
      lazy,
      clock,
    });
  };
  const ask = (question = QUESTION) => link.ask?.(question);

  beforeEach(() => {
    clock = new ManualClock();
    harness = new Harness();
    wires = [];
  });
  afterEach(async () => {
    await link.close();
    await server?.close();
    await harness.close();
  });

  it('is answered, also by a link that slept, and each by its own answer', async () => {
    start({ answer: async (question) => ({ asked: question }) });
    expect(wires).toHaveLength(0);
    const ended: LinkQuestion = { what: 'end', server: 's', session: 'x' };
    expect(await Promise.all([ask(), ask(ended)])).toEqual([{ asked: QUESTION }, { asked: ended }]);
    expect(await ask()).toEqual({ asked: QUESTION });
    expect(wires).toHaveLength(1);
  });

  it('is refused with what the supervisor says', async () => {
    start({
      answer: () => {
        throw new BerthError('not-found', 'no such server', { hint: 'Look again.' });
      },
    });
    await expect(ask()).rejects.toMatchObject({ code: 'not-found', details: { hint: 'Look again.' } });
    await expect(ask({ what: 'everything' } as never)).rejects.toMatchObject({ code: 'internal' });
  });

  it('is refused by a supervisor that answers none', async () => {
    start({});
    await expect(ask()).rejects.toMatchObject({ code: 'not-allowed' });
  });

  it('is not sent to a supervisor of before', async () => {
    start({ version: 1, answer: () => 'never' });
    await expect(ask()).rejects.toMatchObject({
      code: 'not-allowed',
      details: { hint: expect.stringContaining('Restart') },
    });
  });

  it('ends with its connection, with its time, or with the link', async () => {
    const asked: LinkQuestion[] = [];
    start({
      answer: (question) => {
        asked.push(question);
        return new Promise(() => {});
      },
    });
    const cut = ask();
    await until('the question', () => asked.length === 1);
    wires[0]?.cut();
    await expect(cut).rejects.toMatchObject({ code: 'busy' });
    const late = ask();
    clock.advance(ANSWER_LIMIT);
    await expect(late).rejects.toMatchObject({ code: 'busy' });
    const closed = ask();
    const outcome = expect(closed).rejects.toMatchObject({ code: 'busy' });
    await link.close();
    await outcome;
    await expect(ask()).rejects.toMatchObject({ code: 'busy' });
  });
});

it('a supervisor lists and ends what it has', async () => {
  const ended: unknown[][] = [];
  const host = {
    sessions: () => [],
    endSessions: async (...how: unknown[]) => {
      ended.push(how);
      return 2;
    },
    report: (id: string) =>
      id === 's' ? ({ state: 'ready', sessions: 0, processes: 0, inUse: false } as const) : undefined,
    check: async (id: string) => (id === 's' ? { over: true } : undefined),
    rest: (id: string) => id === 's',
    holds: (id: string, principal: string) => id === 's' && principal === 'p',
    hasTask: (...which: string[]) => which.join() === 's,p,t',
    removed: (id: string) => id === 's',
    inspection: (id: string) => (id === 's' ? ({ state: 'trying' } as const) : undefined),
  };
  expect(await answerQuestion(host, { what: 'holds', server: 's', principal: 'p' })).toBe(true);
  expect(await answerQuestion(host, { what: 'holds', server: 's' })).toBe(false);
  expect(await answerQuestion(host, { what: 'task', server: 's', principal: 'p', task: 't' })).toBe(true);
  expect(await answerQuestion(host, { what: 'task', server: 's', principal: 'p' })).toBe(false);
  expect(await answerQuestion(host, { what: 'inspection', server: 's' })).toEqual({ state: 'trying' });
  expect(await answerQuestion(host, { what: 'inspection', server: 'other' })).toBeNull();
  expect(await answerQuestion(host, { what: 'report', server: 's' })).toMatchObject({ state: 'ready' });
  expect(await answerQuestion(host, { what: 'report', server: 'other' })).toBeNull();
  expect(await answerQuestion(host, { what: 'check', server: 's' })).toEqual({ over: true });
  expect(await answerQuestion(host, { what: 'check', server: 'other' })).toBeNull();
  expect(await answerQuestion(host, { what: 'rest', server: 's' })).toBe(true);
  expect(await answerQuestion(host, { what: 'removed', server: 's' })).toBe(true);
  expect(await answerQuestion(host, { what: 'removed', server: 'other' })).toBe(false);
  expect(await answerQuestion(host, QUESTION)).toEqual([]);
  expect(await answerQuestion(host, { what: 'end', server: 's', session: 'x' })).toBe(2);
  expect(await answerQuestion(host, { what: 'end', server: 's' })).toBe(2);
  expect(ended).toEqual([
    ['s', 'x'],
    ['s', undefined],
  ]);
});
