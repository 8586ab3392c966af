/** Calls per second: all contestants stay up side by side and take turns in every case of every round. */
import { attempt, type Book } from '../book.ts';
import type { Transport } from '../clients/session.ts';
import {
  type Contestant,
  type ContestantName,
  ECHO_COMMAND,
  startContestant,
  unavailable,
} from '../contestants.ts';
import type { CallsResult } from '../job.ts';
import type { BenchLane } from '../lanes.ts';
import type { Cell, Plan } from '../plan.ts';
import { runJob } from '../worker.ts';

const DEADLINE_MS = 15_000;
const WARM_UP_MS = 1500;

async function measure(contestant: Contestant, cell: Cell, plan: Plan): Promise<CallsResult> {
  const { transport, sessions, inFlight, payloadBytes, lane } = cell;
  const { warmUpMs, measureMs } = plan;
  const job = {
    transport,
    sessions,
    inFlight,
    payloadBytes,
    warmUpMs,
    measureMs,
    gatewayPid: contestant.pid,
    ...(lane && { lane }),
  };
  const result = await runJob({ mode: 'calls', target: contestant.target, ...job }, DEADLINE_MS);
  if (result.errors > 0) throw new Error(`${result.errors} failed calls: ${result.firstError ?? ''}`);
  return result;
}

/** The running contestants of one transport; one whose turn failed is started anew before its next. */
class Line {
  readonly #transport: Transport;
  readonly #lane: Pick<BenchLane, 'client' | 'server'>;
  readonly #running = new Map<ContestantName, Contestant>();
  readonly #failed = new Map<ContestantName, unknown>();

  constructor(transport: Transport, lane: Pick<BenchLane, 'client' | 'server'>) {
    this.#transport = transport;
    this.#lane = lane;
  }

  async get(name: ContestantName): Promise<Contestant> {
    const running = this.#running.get(name);
    if (running?.alive === true) return running;
    const failed = this.#failed.get(name);
    if (failed !== undefined) throw failed;
    try {
      // The bare pipe translates nothing: behind it the server speaks what the client speaks.
      const server = name === 'bare' ? this.#lane.client : this.#lane.server;
      const command = server === 'modern' ? [...ECHO_COMMAND, 'modern'] : ECHO_COMMAND;
      const options = { transport: this.#transport, server, command };
      const contestant = await startContestant(name, options);
      this.#running.set(name, contestant);
      return contestant;
    } catch (error) {
      // Trying again in every case would cost the run its time.
      this.#failed.set(name, error);
      throw error;
    }
  }

  async drop(name: ContestantName): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    await running?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.drop(name)));
  }
}

/** Lets every contestant compile its hot path before anything counts. */
async function warmUp(line: Line, names: readonly ContestantName[], plan: Plan, first: Cell): Promise<void> {
  const cell = { ...first, id: 'warm-up', sessions: 1, inFlight: 16, payloadBytes: 64 };
  for (const name of names) {
    await attempt(async () =>
      measure(await line.get(name), cell, { ...plan, warmUpMs: 0, measureMs: WARM_UP_MS }),
    );
  }
}

async function turn(line: Line, name: ContestantName, cell: Cell, plan: Plan): Promise<CallsResult> {
  try {
    return await measure(await line.get(name), cell, plan);
  } catch (error) {
    await line.drop(name);
    throw error;
  }
}

/** Each contestant's turns in one case of one round: A B C D, A B C D. */
async function takeTurns(
  line: Line,
  names: readonly ContestantName[],
  cell: Cell,
  { plan, book, log }: Run,
): Promise<void> {
  for (let at = 0; at < cell.turns; at += 1) {
    for (const name of names) {
      const entry = await attempt(() => turn(line, name, cell, plan));
      book.add(cell.id, name, entry);
      log(`${cell.id} ${name}: ${'failure' in entry ? entry.failure : `${Math.round(entry.perSecond)}/s`}`);
    }
  }
}

interface Run {
  readonly plan: Plan;
  readonly book: Book<CallsResult>;
  readonly log: (text: string) => void;
}

/** Measures all cases of one transport. */
export async function runThroughput(transport: Transport, cells: readonly Cell[], run: Run): Promise<void> {
  const { plan } = run;
  const names = plan.contestants.filter((name) => unavailable(name, transport) === undefined);
  await measureCells(new Line(transport, { client: 'legacy', server: 'legacy' }), names, cells, run);
}

/** Measures the lanes, each with its own line of contestants. supergateway translates nothing and takes no part. */
export async function runLanes(cells: readonly Cell[], run: Run): Promise<void> {
  for (const lane of new Set(cells.map((cell) => cell.lane))) {
    if (!lane) continue;
    const own = cells.filter((cell) => cell.lane === lane);
    const names = run.plan.contestants.filter(
      (name) => name !== 'supergateway' && unavailable(name, 'http') === undefined,
    );
    await measureCells(new Line('http', lane), names, own, run);
  }
}

async function measureCells(
  line: Line,
  names: readonly ContestantName[],
  cells: readonly Cell[],
  run: Run,
): Promise<void> {
  const { plan } = run;
  const [first] = cells;
  if (first === undefined) return;
  try {
    await warmUp(line, names, plan, first);
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const cell of cells) await takeTurns(line, names, cell, run);
    }
  } finally {
    await line.close();
  }
}
