/** A run's measurements as Markdown. */
import { bars } from './bars.ts';
import type { Book } from './book.ts';
import { CONTESTANTS, type ContestantName, unavailable } from './contestants.ts';
import { machineLines } from './machine.ts';
import { barTable, figure, table } from './markdown.ts';
import { type Cell, laneCells, type Plan, throughputCells } from './plan.ts';
import { quantile } from './stats.ts';
import { type Books, bestPeer, callsPerSecond, middle, openTime, sampleTime } from './summary.ts';
import { CATALOGUE, LIST_PAGE, REGISTRY_PAGE, SEARCH } from './workloads/catalogue.ts';
import {
  BERTH_DOWNGRADE,
  BERTH_MEMORY,
  BERTH_MODERN,
  BERTH_SOCKET,
  BERTH_UPGRADE,
  IDLE,
  type IdleResult,
} from './workloads/idle.ts';
import { NAMES, NAMES_BERTH, type NamesResult } from './workloads/names.ts';
import { BERTH_SPARE, OPENING, OWN_INITIALIZE, OWN_START } from './workloads/opening.ts';
import { UNREAD } from './workloads/unread.ts';

const TITLES: Record<ContestantName, string> = {
  bare: 'bare pipe',
  berth: 'Berth',
  supergateway: 'supergateway',
  'mcp-proxy': 'mcp-proxy',
};

/** A figure, or a word that says why there is none; reasons are listed at the end of the page. */
function entry<T extends object>(book: Book<T>, cell: string, who: string, text: string): string {
  if (text !== '–') return text;
  return book.failure(cell, who) === undefined ? '–' : 'failed';
}

function title(cell: Cell): string {
  const name = { http: 'Streamable HTTP', sse: 'HTTP+SSE', ws: 'WebSocket' }[cell.transport];
  const size = cell.payloadBytes === 64 ? '64 B' : '64 KiB';
  const load =
    cell.sessions === 1 ? `${cell.inFlight} in flight` : `${cell.sessions} sessions × ${cell.inFlight}`;
  return `${name}, ${load}, ${size}`;
}

function throughput(books: Books, cells: readonly Cell[]): string[] {
  const head = [
    'calls per second',
    ...CONTESTANTS.map((who) => TITLES[who]),
    'Berth : bare',
    'Berth : better peer',
  ];
  const rows = cells.map((cell) => {
    const berth = callsPerSecond(books, cell.id, 'berth');
    const own = CONTESTANTS.map((who) =>
      entry(books.calls, cell.id, who, figure(callsPerSecond(books, cell.id, who), 0)),
    );
    const ratios = [berth / callsPerSecond(books, cell.id, 'bare'), berth / bestPeer(books, cell.id)];
    return [title(cell), ...own, ...ratios.map((ratio) => figure(ratio, 2))];
  });
  return ['## Calls per second', '', ...table(head, rows)];
}

function lanes(books: Books, cells: readonly Cell[]): string[] {
  const head = [
    'calls per second; µs of its own processor time per call',
    'bare pipe',
    'Berth',
    'mcp-proxy',
    'Berth : bare pipe',
    'Berth : mcp-proxy',
  ];
  const rows = cells.flatMap((cell) => {
    if (!cell.lane) return [];
    const of = (who: ContestantName): number => callsPerSecond(books, cell.id, who);
    const bare = of('bare');
    const own = (['bare', 'berth', 'mcp-proxy'] as const).map((who) => {
      const cost = middle(books.calls, cell.id, who, (value) => value.gatewayUs);
      return entry(books.calls, cell.id, who, `${figure(of(who), 0)}; ${figure(cost, 0)}`);
    });
    const ratios = [of('berth') / bare, of('berth') / of('mcp-proxy')].map((ratio) => figure(ratio, 2));
    return [[`${cell.lane.name}, ${cell.inFlight} in flight`, ...own, ...ratios]];
  });
  const note =
    "Streamable HTTP, 64 B. relay-modern: both sides 2026-07-28. upgrade: a client of 2026-07-28, a server of 2025-11-25; downgrade: the reverse; asking: the client declares elicitation, sampling and roots. The bare pipe translates nothing and checks nothing: behind it stands a server of the client's own revision.";
  return ['## Lanes', '', ...table(head, rows), note, ''];
}

function latencies(books: Books, cells: readonly Cell[]): string[] {
  const head = [
    'p50 / p99 in ms; µs of its own processor time per call',
    ...CONTESTANTS.map((who) => TITLES[who]),
  ];
  const rows = cells.map((cell) => {
    const of = (who: ContestantName, key: 'p50' | 'p99' | 'gatewayUs', digits: number): string =>
      figure(
        middle(books.calls, cell.id, who, (value) => value[key]),
        digits,
      );
    const own = CONTESTANTS.map(
      (who) => `${of(who, 'p50', 2)} / ${of(who, 'p99', 2)}; ${of(who, 'gatewayUs', 0)}`,
    );
    return [title(cell), ...own];
  });
  const shares = cells.flatMap((cell) => CONTESTANTS.flatMap((who) => books.calls.values(cell.id, who)));
  const highest = shares.reduce((most, { clientCpu }) => Math.max(most, clientCpu), 0);
  const note = `The load client used at most ${figure(highest * 100, 0)} % of one core in any of these cases.`;
  return ['## Latency and cost', '', ...table(head, rows), note, ''];
}

const OPEN_ROWS = [OWN_START, OWN_INITIALIZE, 'bare', 'berth', BERTH_SPARE, 'supergateway', 'mcp-proxy'];

function opening(books: Books): string[] {
  const rows = OPEN_ROWS.map((who) => {
    const own = [0.5, 0.99].map((q) =>
      entry(books.opening, OPENING, who, figure(openTime(books, OPENING, who, q), 1)),
    );
    return [who, ...own];
  });
  const note =
    'Streamable HTTP, `initialize` and `initialized`, connection included. mcp-proxy starts no process for a session.';
  return ['## Opening a session', '', ...table(['milliseconds', 'p50', 'p99'], rows), note, ''];
}

const CATALOGUE_ROWS = [LIST_PAGE, SEARCH, REGISTRY_PAGE];

function catalogue({ catalogue: book }: Books): string[] {
  const rows = CATALOGUE_ROWS.map((who) => {
    const times = [0.5, 0.99].map((q) => sampleTime(book, { cell: CATALOGUE, who, q }));
    return [who, ...times.map((time) => entry(book, CATALOGUE, who, figure(time, 1)))];
  });
  const note = 'Ten thousand made-up templates, over HTTP, one request at a time.';
  return ['## The catalogue', '', ...table(['milliseconds', 'p50', 'p99'], rows), note, ''];
}

const IDLE_ROWS = [
  ...Object.entries(TITLES),
  [BERTH_DOWNGRADE, BERTH_DOWNGRADE],
  [BERTH_MODERN, BERTH_MODERN],
  [BERTH_UPGRADE, BERTH_UPGRADE],
  [BERTH_SOCKET, BERTH_SOCKET],
  [BERTH_MEMORY, BERTH_MEMORY],
] as const;

function idle(books: Books): string[] {
  const rows = IDLE_ROWS.map(([who, name]) => {
    const of = (key: keyof IdleResult): number => middle(books.idle, IDLE, who, (value) => value[key]);
    const kib = entry(books.idle, IDLE, who, figure(of('kibPerSession'), 1));
    return [name, kib, ...(['sessions', 'streams', 'processes'] as const).map((key) => figure(of(key), 0))];
  });
  const head = ['', 'KiB a session', 'sessions', 'standalone streams', 'processes behind it'];
  const note =
    'Sessions on Streamable HTTP, each with its standalone stream open where there is one; modern clients keep nothing there between two requests, so theirs are open WebSockets after `server/discover`. Growth of the own resident memory of the program, without the servers. Over the socket: gateway and supervisor, a process each, both counted. In memory: gateway and supervisor in one process, on servers that are no processes.';
  return ['## Idle sessions', '', ...table(head, rows), note, ''];
}

function unread(books: Books, plan: Plan): string[] {
  const rows = CONTESTANTS.filter((who) => who !== 'bare').map((who) => {
    const of = (key: 'growthMib' | 'heldMib' | 'p99Before' | 'p99During'): string =>
      figure(
        middle(books.unread, UNREAD, who, (value) => value[key]),
        2,
      );
    const growth = entry(books.unread, UNREAD, who, of('growthMib'));
    return [TITLES[who], growth, of('heldMib'), of('p99Before'), of('p99During')];
  });
  const head = ['', 'memory growth, MiB', 'taken and held, MiB', "other's p99 before, ms", 'during, ms'];
  const note = `One client asks for ${plan.floodBytes / 2 ** 20} MiB of notifications and reads none. "Taken and held" is what its server wrote less what lies in the kernel's queues of its connections: an upper bound that includes the pipe between server and contestant and whatever was thrown away. The bare pipe forwards no notifications.`;
  return ['## A client that never reads', '', ...table(head, rows), note, ''];
}

function names(books: Books): string[] {
  const of = (field: (value: NamesResult) => number, digits: number): string =>
    figure(middle(books.names, NAMES, NAMES_BERTH, field), digits);
  const time = (q: number) =>
    of(
      ({ samples }) =>
        quantile(
          [...samples].sort((a, b) => a - b),
          q,
        ),
      2,
    );
  const row = [
    of(({ count }) => count, 0),
    of(({ seconds }) => seconds, 1),
    time(0.5),
    time(0.99),
    of(({ cpuMs }) => cpuMs, 2),
    of(({ growthMib }) => growthMib, 1),
  ];
  const head = [
    'names',
    'read in, s',
    'query p50, ms',
    'query p99, ms',
    'processor time of a query, ms',
    'memory growth, MiB',
  ];
  const note =
    'The names of a Python index, all made up: read from its JSON page in one worker, searched in another. The memory is that of the process that searches, with its worker.';
  return ['## Search in the names of a Python index', '', ...table(head, [row]), note, ''];
}

function failures(books: Books, cells: readonly Cell[], lanesOf: readonly Cell[]): string[] {
  const lines: string[] = [];
  const collect = <T extends object>(book: Book<T>, cell: string, whos: readonly string[]): void => {
    for (const who of whos) {
      const text = book.failure(cell, who);
      if (text !== undefined) lines.push(`- ${cell}, ${who}: ${text}`);
    }
  };
  for (const cell of [...cells, ...lanesOf]) collect(books.calls, cell.id, CONTESTANTS);
  collect(books.opening, OPENING, OPEN_ROWS);
  collect(books.catalogue, CATALOGUE, CATALOGUE_ROWS);
  collect(
    books.idle,
    IDLE,
    IDLE_ROWS.map(([who]) => who),
  );
  collect(books.unread, UNREAD, CONTESTANTS);
  collect(books.names, NAMES, [NAMES_BERTH]);
  for (const who of CONTESTANTS) {
    const text = unavailable(who, 'http');
    if (text !== undefined) lines.push(`- ${who}: ${text}`);
  }
  return lines.length === 0 ? [] : ['## What failed', '', ...lines, ''];
}

/** The whole page. */
export function report(books: Books, plan: Plan): string {
  const cells = [...throughputCells(plan).values()].flat();
  return [
    '# What the benchmark measured',
    '',
    'Written by `npm run bench`. All contestants ran side by side in front of the same echo server and took turns in',
    `every case; each figure is the median of ${plan.rounds} round${plan.rounds === 1 ? '' : 's'} (small calls: two turns a round). Read the ratios: the absolute figures belong to the machine.`,
    'The peers run with their default settings, supergateway with its log off.',
    '',
    ...machineLines(),
    '',
    ...barTable(bars(books)),
    'Where the time of a call goes, and why a bar is missed: [profiles](PROFILE.md).',
    '',
    ...(books.calls.size > 0 ? [...throughput(books, cells), ...latencies(books, cells)] : []),
    ...(laneCells(plan).length > 0 ? lanes(books, laneCells(plan)) : []),
    ...(books.opening.size > 0 ? opening(books) : []),
    ...(books.catalogue.size > 0 ? catalogue(books) : []),
    ...(books.idle.size > 0 ? idle(books) : []),
    ...(books.unread.size > 0 ? unread(books, plan) : []),
    ...(books.names.size > 0 ? names(books) : []),
    ...failures(books, cells, laneCells(plan)),
  ].join('\n');
}
