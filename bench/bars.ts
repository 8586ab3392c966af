/** The bars of the project and whether this run met them. */
import { LANES, PLAIN_LANE } from './lanes.ts';
import { cellId, laneCellId } from './plan.ts';
import { quantile } from './stats.ts';
import { type Books, bestPeer, callsPerSecond, middle, openTime, sampleTime } from './summary.ts';
import { CATALOGUE, LIST_PAGE, SEARCH } from './workloads/catalogue.ts';
import {
  BERTH_DOWNGRADE,
  BERTH_MEMORY,
  BERTH_MODERN,
  BERTH_SOCKET,
  BERTH_UPGRADE,
  IDLE,
} from './workloads/idle.ts';
import { NAMES, NAMES_BERTH, type NamesResult } from './workloads/names.ts';
import { BERTH_SPARE, OPENING, OWN_INITIALIZE, OWN_START } from './workloads/opening.ts';
import { UNREAD, type UnreadResult } from './workloads/unread.ts';

export interface Bar {
  readonly what: string;
  readonly wanted: string;
  /** The measured figure; NaN when there is none. */
  readonly value: number;
  readonly unit: string;
  readonly met: boolean;
}

export function atLeast(what: string, value: number, limit: number, unit = '×'): Bar {
  return { what, wanted: `≥ ${limit} ${unit}`, value, unit, met: value >= limit };
}

export function atMost(what: string, value: number, limit: number, unit: string): Bar {
  return { what, wanted: `≤ ${limit} ${unit}`, value, unit, met: value <= limit };
}

const PEER_FACTORS = new Map([
  [1, 3.5],
  [16, 5],
]);

function httpBars(books: Books): Bar[] {
  return [...PEER_FACTORS].flatMap(([inFlight, factor]) => {
    const cell = cellId('http', 1, inFlight, 64);
    const berth = callsPerSecond(books, cell, 'berth');
    const name = `Streamable HTTP, ${inFlight} in flight, 64 B`;
    const bare = atLeast(`${name}: to the bare pipe`, berth / callsPerSecond(books, cell, 'bare'), 0.8);
    return [bare, atLeast(`${name}: to the better peer`, berth / bestPeer(books, cell), factor)];
  });
}

function streamBars(books: Books): Bar[] {
  const names = { sse: 'HTTP+SSE', ws: 'WebSocket' } as const;
  return (['sse', 'ws'] as const).flatMap((transport) =>
    [1, 16].map((inFlight) => {
      const cell = cellId(transport, 1, inFlight, 64);
      const ratio = callsPerSecond(books, cell, 'berth') / callsPerSecond(books, cell, 'bare');
      return atLeast(`${names[transport]}, ${inFlight} in flight, 64 B: to the bare pipe`, ratio, 0.8);
    }),
  );
}

/** A lane may cost more than a relay, as it does more; against the bridge that translates too it must show. */
function laneBars(books: Books): Bar[] {
  return LANES.flatMap((lane) =>
    [1, 16].flatMap((inFlight) => {
      const cell = laneCellId(lane, inFlight);
      const berth = callsPerSecond(books, cell, 'berth');
      const bare = callsPerSecond(books, cell, 'bare');
      const name = `lane ${lane.name}, ${inFlight} in flight`;
      const toBare = atLeast(`${name}: to the bare pipe`, berth / bare, lane === PLAIN_LANE ? 0.75 : 0.5);
      if (lane === PLAIN_LANE) return [toBare];
      const peer = callsPerSecond(books, cell, 'mcp-proxy');
      return [toBare, atLeast(`${name}: to mcp-proxy's translation`, berth / peer, 3)];
    }),
  );
}

function manySessions(books: Books): Bar {
  const many = callsPerSecond(books, cellId('http', 50, 1, 64), 'berth');
  const one = callsPerSecond(books, cellId('http', 1, 1, 64), 'berth');
  return atLeast('50 sessions × 1 in flight, in total: to one session × 1', many / one, 0.95);
}

function openBars(books: Books): Bar[] {
  const own = openTime(books, OPENING, OWN_START, 0.5);
  const ownInitialize = openTime(books, OPENING, OWN_INITIALIZE, 0.5);
  const warm = openTime(books, OPENING, 'berth', 0.99);
  const spare = openTime(books, OPENING, BERTH_SPARE, 0.99);
  return [
    atMost("session open, p99: above the server's own start", warm - own, 50, 'ms'),
    atMost('session open with a spare, p99: above its initialize', spare - ownInitialize, 50, 'ms'),
  ];
}

function unreadBars(books: Books): Bar[] {
  const of = (field: (value: UnreadResult) => number): number => middle(books.unread, UNREAD, 'berth', field);
  return [
    atMost(
      'unread client: buffered for it',
      of((value) => value.heldMib),
      1,
      'MiB',
    ),
    atMost(
      'unread client: growth of resident memory',
      of((value) => value.growthMib),
      64,
      'MiB',
    ),
    atMost(
      "unread client: another client's p99 against before",
      of((value) => value.p99During / value.p99Before),
      1.1,
      '×',
    ),
  ];
}

const IDLE_KIB: readonly (readonly [what: string, who: string, kib: number])[] = [
  ['idle session, resident memory', 'berth', 64],
  ['idle session of the downgrade lane, resident memory', BERTH_DOWNGRADE, 64],
  ['idle session of the modern relay, over WebSocket, resident memory', BERTH_MODERN, 64],
  ['idle session of the upgrade lane, over WebSocket, resident memory', BERTH_UPGRADE, 64],
  ['idle session over the socket, gateway and supervisor together', BERTH_SOCKET, 96],
  ['idle session on an in-memory channel', BERTH_MEMORY, 64],
];

function idleBars(books: Books): Bar[] {
  return IDLE_KIB.map(([what, who, kib]) =>
    atMost(
      what,
      middle(books.idle, IDLE, who, (value) => value.kibPerSession),
      kib,
      'KiB',
    ),
  );
}

function namesBars(books: Books): Bar[] {
  const of = (field: (value: NamesResult) => number): number =>
    middle(books.names, NAMES, NAMES_BERTH, field);
  return [
    atMost('search in 750,000 names: p99 of a query', of(namesP99), 40, 'ms'),
    atMost(
      'search in 750,000 names: growth of resident memory',
      of((value) => value.growthMib),
      60,
      'MiB',
    ),
  ];
}

function namesP99({ samples }: NamesResult): number {
  return quantile(
    [...samples].sort((a, b) => a - b),
    0.99,
  );
}

function catalogueBars({ catalogue }: Books): Bar[] {
  const time = (who: string): number => sampleTime(catalogue, { cell: CATALOGUE, who, q: 0.99 });
  return [
    atMost('10,000 templates: a page of the list, p99', time(LIST_PAGE), 20, 'ms'),
    atMost('10,000 templates: a search, p99', time(SEARCH), 30, 'ms'),
  ];
}

/** Every bar with this run's figure. */
export function bars(books: Books): Bar[] {
  return [
    ...httpBars(books),
    ...streamBars(books),
    manySessions(books),
    ...laneBars(books),
    ...openBars(books),
    ...catalogueBars(books),
    ...idleBars(books),
    ...unreadBars(books),
    ...namesBars(books),
  ];
}
