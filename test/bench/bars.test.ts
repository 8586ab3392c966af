import { expect, test } from 'vitest';
import { type Bar, bars } from '../../bench/bars.ts';
import { attempt, Book } from '../../bench/book.ts';
import type { CallsResult } from '../../bench/job.ts';
import { cellId } from '../../bench/plan.ts';
import { report } from '../../bench/report.ts';
import { median, quantile } from '../../bench/stats.ts';
import type { Books } from '../../bench/summary.ts';
import {
  BERTH_DOWNGRADE,
  BERTH_MEMORY,
  BERTH_MODERN,
  BERTH_SOCKET,
  BERTH_UPGRADE,
  IDLE,
} from '../../bench/workloads/idle.ts';

const CELL = cellId('http', 1, 1, 64);
const PLAN = {
  rounds: 3,
  contestants: ['bare', 'berth'],
  warmUpMs: 1,
  measureMs: 1,
  opens: 1,
  idleSessions: 1,
  floodBytes: 2 ** 20,
  unreadMs: 1,
  only: '',
} as const;

function emptyBooks(): Books {
  return {
    calls: new Book(),
    opening: new Book(),
    catalogue: new Book(),
    idle: new Book(),
    unread: new Book(),
    names: new Book(),
  };
}

function speed(perSecond: number): CallsResult {
  return { calls: 1, perSecond, p50: 1, p99: 2, errors: 0, clientCpu: 0.1, gatewayUs: 10 };
}

function find(all: readonly Bar[], text: string): Bar | undefined {
  return all.find((bar) => bar.what.startsWith(text));
}

test('quantiles take the nearest rank and medians the middle', () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
  expect(quantile([1, 2, 3, 4], 0.99)).toBe(4);
  expect(quantile([], 0.5)).toBeNaN();
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('a bar compares medians over rounds', () => {
  const books = emptyBooks();
  for (const value of [1000, 10, 1200]) books.calls.add(CELL, 'bare', speed(value));
  for (const value of [900, 5000, 850]) books.calls.add(CELL, 'berth', speed(value));
  books.calls.add(CELL, 'supergateway', speed(200));
  books.calls.add(CELL, 'mcp-proxy', speed(300));
  const all = bars(books);
  expect(find(all, 'Streamable HTTP, 1 in flight, 64 B: to the bare')).toMatchObject({
    value: 0.9,
    met: true,
  });
  expect(find(all, 'Streamable HTTP, 1 in flight, 64 B: to the better')).toMatchObject({
    value: 3,
    met: false,
  });
});

test('what was not measured is neither met nor missed in the page, and a failure is named', async () => {
  const books = emptyBooks();
  books.calls.add(CELL, 'bare', speed(1000));
  books.calls.add(CELL, 'berth', await attempt(() => Promise.reject(new Error('it hung'))));
  const page = report(books, { ...PLAN, only: CELL });
  expect(page).toContain('not measured');
  expect(page).toContain(`- ${CELL}, berth: it hung`);
  expect(page).toContain('| Streamable HTTP, 1 in flight, 64 B | 1000 | failed | – | – | – | – |');
});

test('each shape of an idle session has its own bar and its own row', () => {
  const books = emptyBooks();
  const kib = (kibPerSession: number) => ({ kibPerSession, sessions: 10, streams: 10, processes: 10 });
  books.idle.add(IDLE, 'berth', kib(64));
  books.idle.add(IDLE, BERTH_DOWNGRADE, kib(63));
  books.idle.add(IDLE, BERTH_MODERN, kib(62));
  books.idle.add(IDLE, BERTH_UPGRADE, kib(66));
  books.idle.add(IDLE, BERTH_SOCKET, kib(97));
  books.idle.add(IDLE, BERTH_MEMORY, kib(65));
  const idle = bars(books).filter(({ what }) => what.startsWith('idle session'));
  expect(idle.map(({ value, met }) => [value, met])).toEqual([
    [64, true],
    [63, true],
    [62, true],
    [66, false],
    [97, false],
    [65, false],
  ]);
  expect(report(books, PLAN)).toContain(`| ${BERTH_SOCKET} | 97.0 | 10 | 10 | 10 |`);
});
