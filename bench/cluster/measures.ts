/** Calls, openings and cold starts, at every place in turn. */
import { attempt, Book, type Failure } from '../book.ts';
import type { CallsResult, OpenResult } from '../job.ts';
import type { Cell } from '../plan.ts';
import { runJob } from '../worker.ts';
import { bareRoundTrips, type RoundTrips } from './bare-exec.ts';
import { type ColdServers, type ColdStart, prepareCold } from './cold.ts';
import { type CrowdResult, measureCrowd } from './crowd.ts';
import { CARRIERS, type Carrier, type EchoServer, type Places, WHOS, type Who } from './places.ts';
import { CLUSTER_CELLS, type ClusterPlan, ONE_CALL } from './plan.ts';
import { costsDuring, type ProcessorCosts } from './processor-time.ts';
import { measureRollout, type RolloutResult } from './rollout.ts';

export interface ClusterBooks {
  readonly calls: Book<CallsResult>;
  readonly costs: Book<ProcessorCosts>;
  readonly bare: Book<RoundTrips>;
  readonly opening: Book<OpenResult>;
  readonly cold: Book<ColdResult>;
  readonly crowd: Book<CrowdResult>;
  readonly rollout: Book<RolloutResult>;
}

export interface ColdResult {
  readonly starts: readonly ColdStart[];
}

/** The names of the cases that are no load. */
export const OPENINGS: readonly (readonly [name: string, server: EchoServer])[] = [
  ['open', 'echo'],
  ['open with a spare', 'spare'],
];
export const COLD_START = 'cold start';
export const CROWD = 'crowd';
export const ROLLOUT = 'rollout';
export const BARE = 'bare exec';

const DEADLINE_MS = 60_000;
const GAP_MS = 30;
/** Long enough for a taken spare to be replaced. */
const SPARE_GAP_MS = 500;

type Wanted = (name: string) => boolean;

/** What `--only` picks a case of one carrier by. */
function caseOf(name: string, carrier: Carrier): string {
  return `${name} ${carrier}`;
}

/** Whether anything is wanted that is measured at every place. */
function comparesPlaces(wanted: Wanted): boolean {
  return CLUSTER_CELLS.some(({ id }) => wanted(id)) || OPENINGS.some(([name]) => wanted(name));
}

/** Carriers that something is wanted of. */
export function wantedCarriers(wanted: Wanted): Carrier[] {
  const all = comparesPlaces(wanted);
  return CARRIERS.filter(
    (carrier) => all || [COLD_START, CROWD].some((name) => wanted(caseOf(name, carrier))),
  );
}

interface Run {
  readonly places: Places;
  readonly plan: ClusterPlan;
  readonly log: (text: string) => void;
}

export async function measureAll(run: Run, wanted: Wanted): Promise<ClusterBooks> {
  const books: ClusterBooks = {
    calls: new Book(),
    costs: new Book(),
    bare: new Book(),
    opening: new Book(),
    cold: new Book(),
    crowd: new Book(),
    rollout: new Book(),
  };
  const carriers = CARRIERS.filter((carrier) => wanted(caseOf(COLD_START, carrier)));
  const cold = new Map<Carrier, ColdServers | Failure>();
  // They rest while the others are measured.
  for (const carrier of carriers) cold.set(carrier, await attempt(() => prepare(run, carrier)));
  try {
    await measureEach(run, wanted, { books, cold });
  } finally {
    for (const servers of cold.values()) if ('remove' in servers) await servers.remove();
  }
  return books;
}

interface Found {
  readonly books: ClusterBooks;
  readonly cold: ReadonlyMap<Carrier, ColdServers | Failure>;
}

async function measureEach(run: Run, wanted: Wanted, { books, cold }: Found): Promise<void> {
  if (comparesPlaces(wanted)) await warmUp(run);
  for (let round = 1; round <= run.plan.rounds; round += 1) {
    for (const cell of CLUSTER_CELLS.filter(({ id }) => wanted(id))) await takeTurns(run, cell, books);
    for (const [name, server] of OPENINGS.filter(([each]) => wanted(each)))
      for (const who of WHOS) await note(run, books.opening, [name, who], () => openings(run, who, server));
  }
  for (const [carrier, servers] of cold)
    await note(run, books.cold, [COLD_START, carrier], () => startAll(servers));
  for (const carrier of CARRIERS)
    if (wanted(caseOf(CROWD, carrier)))
      await note(run, books.crowd, [CROWD, carrier], () => measureCrowd(run.places, carrier, run.plan));
  // It has a release of its own, with two gateways.
  if (wanted(caseOf(ROLLOUT, 'exec')))
    await note(run, books.rollout, [ROLLOUT, 'exec'], () => measureRollout('exec', run.plan));
}

async function note<T extends object>(
  { log }: Run,
  book: Book<T>,
  [name, who]: readonly [name: string, who: Who],
  measure: () => Promise<T>,
): Promise<void> {
  const entry: T | Failure = await attempt(measure);
  book.add(name, who, entry);
  log(`${name} ${who}: ${'failure' in entry ? entry.failure : 'done'}`);
}

/** Lets every program compile its hot path before anything counts: at first a gateway takes half as long again for a call. */
async function warmUp({ places, plan }: Run): Promise<void> {
  for (const who of WHOS) {
    const load = { transport: 'http', sessions: 20, inFlight: 16, payloadBytes: 64 } as const;
    const job = { mode: 'calls', ...load, target: places[who].target('echo') } as const;
    await runJob({ ...job, warmUpMs: 0, measureMs: plan.compileMs }, DEADLINE_MS);
  }
}

async function takeTurns({ places, plan, log }: Run, cell: Cell, books: ClusterBooks): Promise<void> {
  for (const who of WHOS) {
    const { transport, sessions, inFlight, payloadBytes } = cell;
    const { warmUpMs, measureMs } = plan;
    const target = places[who].target('echo');
    const job = { mode: 'calls', transport, sessions, inFlight, payloadBytes } as const;
    const entry = await attempt(async () => {
      const { value, costs } = await costsDuring(() =>
        runJob({ ...job, target, warmUpMs, measureMs }, DEADLINE_MS),
      );
      if (value.errors > 0) throw new Error(`${value.errors} failed calls: ${value.firstError ?? ''}`);
      books.costs.add(cell.id, who, costs);
      return value;
    });
    books.calls.add(cell.id, who, entry);
    const text =
      'failure' in entry ? entry.failure : `${Math.round(entry.perSecond)}/s, p50 ${entry.p50.toFixed(2)} ms`;
    log(`${cell.id} ${who}: ${text}`);
  }
  if (cell.id === ONE_CALL)
    await note({ places, plan, log }, books.bare, [BARE, 'exec'], () =>
      bareRoundTrips(places.exec.release, plan.measureMs),
    );
}

async function openings({ places, plan }: Run, who: Who, server: EchoServer): Promise<OpenResult> {
  const gapMs = server === 'spare' ? SPARE_GAP_MS : GAP_MS;
  const job = { mode: 'open', transport: 'http', target: places[who].target(server), gapMs } as const;
  return await runJob({ ...job, count: plan.opens }, DEADLINE_MS);
}

async function prepare({ places, plan, log }: Run, carrier: Carrier): Promise<ColdServers> {
  const { release, target } = places[carrier];
  const told = ({ ms }: ColdStart): void => log(`${COLD_START} ${carrier}: ${(ms / 1000).toFixed(2)} s`);
  const { coldStarts: count, coldRestMs: restMs } = plan;
  return await prepareCold({ release, target, count, restMs, told });
}

/** From a request that finds no replica to a session on the new one: its tree is in the package store, its images on the node. */
async function startAll(servers: ColdServers | Failure): Promise<ColdResult> {
  if ('failure' in servers) throw new Error(servers.failure);
  const starts = await servers.start();
  await servers.remove();
  return { starts };
}
