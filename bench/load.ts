/**
 * The load process: takes one job as its only argument, prints its results as JSON lines.
 * A process of its own, so that it competes with no contestant for an event loop.
 */
import { createSession } from './clients/create-session.ts';
import { HttpSession } from './clients/http-session.ts';
import { envelope } from './clients/modern-session.ts';
import { awaitAnswer } from './clients/pending.ts';
import { type BenchSession, callBody, nextId } from './clients/session.ts';
import { openCrowd } from './crowd.ts';
import type {
  CallsJob,
  CallsResult,
  CrowdReport,
  IdleJob,
  IdleReport,
  Job,
  OpenJob,
  OpenResult,
  RolloutReport,
  UnreadJob,
  UnreadReport,
} from './job.ts';
import { cpuMs } from './proc.ts';
import { openRollout } from './rollout.ts';
import { quantile } from './stats.ts';

const OPEN_AT_A_TIME = 8;
const ANSWER_MS = 10_000;
const DRAIN_MS = 2000;
const MAX_ERRORS = 100;

function print(
  value: CallsResult | OpenResult | IdleReport | UnreadReport | CrowdReport | RolloutReport,
): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function inputEnded(): Promise<void> {
  return new Promise((resolve) => process.stdin.on('end', () => resolve()).resume());
}

async function openSessions(job: Job, count: number): Promise<BenchSession[]> {
  const sessions = Array.from({ length: count }, () => createSession(job.transport, job.target, job.lane));
  let next = 0;
  const opener = async (): Promise<void> => {
    for (let session = sessions[next++]; session !== undefined; session = sessions[next++])
      await session.open();
  };
  await Promise.all(Array.from({ length: Math.min(count, OPEN_AT_A_TIME) }, opener));
  return sessions;
}

/** Keeps every slot busy until the window ends; only calls that end inside the window count. */
class Caller {
  readonly latencies: number[] = [];
  errors = 0;
  firstError: string | undefined;
  outstanding = 0;
  readonly #body;
  readonly #from: number;
  readonly #until: number;

  constructor(job: CallsJob) {
    const text = 'x'.repeat(job.payloadBytes);
    const more = job.lane?.client === 'modern' ? envelope(job.lane.capabilities) : '';
    this.#body = callBody('echo', { text }, job.payloadBytes, more);
    this.#from = performance.now() + job.warmUpMs;
    this.#until = this.#from + job.measureMs;
  }

  run(session: BenchSession): void {
    const started = performance.now();
    this.outstanding += 1;
    session.call(nextId(), this.#body, (answer) => {
      this.outstanding -= 1;
      const ended = performance.now();
      if (answer instanceof Error) this.#fault(answer);
      else if (ended >= this.#from && ended < this.#until) this.latencies.push(ended - started);
      if (ended < this.#until && this.errors < MAX_ERRORS) this.run(session);
    });
  }

  #fault(error: Error): void {
    this.errors += 1;
    this.firstError ??= error.message;
  }
}

async function calls(job: CallsJob): Promise<void> {
  const sessions = await openSessions(job, job.sessions);
  const caller = new Caller(job);
  for (const session of sessions) for (let slot = 0; slot < job.inFlight; slot += 1) caller.run(session);
  await sleep(job.warmUpMs);
  const before = process.cpuUsage();
  const readGateway = (): number =>
    job.gatewayPid === undefined ? Number.NaN : (cpuMs(job.gatewayPid) ?? Number.NaN);
  const gatewayBefore = readGateway();
  await sleep(job.measureMs);
  const gatewayMs = readGateway() - gatewayBefore;
  const used = process.cpuUsage(before);
  for (let waited = 0; caller.outstanding > 0 && waited < DRAIN_MS; waited += 20) await sleep(20);
  if (caller.outstanding > 0) caller.firstError ??= `${caller.outstanding} calls never answered`;
  const sorted = caller.latencies.sort((a, b) => a - b);
  print({
    calls: sorted.length,
    perSecond: (sorted.length * 1000) / job.measureMs,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    errors: caller.errors + caller.outstanding,
    ...(caller.firstError === undefined ? {} : { firstError: caller.firstError }),
    clientCpu: (used.user + used.system) / 1000 / job.measureMs,
    gatewayUs: (gatewayMs * 1000) / sorted.length,
  });
  await Promise.all(sessions.map((session) => session.close()));
}

async function open(job: OpenJob): Promise<void> {
  const samples: number[] = [];
  for (let done = 0; done < job.count; done += 1) {
    const session = createSession(job.transport, job.target);
    const started = performance.now();
    await session.open();
    samples.push(performance.now() - started);
    await session.close();
    await sleep(job.gapMs);
  }
  print({ samples });
}

async function idle(job: IdleJob): Promise<void> {
  const sessions = await openSessions(job, job.count);
  const opened = sessions.map((session) => (session instanceof HttpSession ? session.openStream() : 0));
  const statuses = await Promise.all(opened);
  print({ streams: statuses.filter((status) => status === 200).length });
  await inputEnded();
}

async function unread(job: UnreadJob): Promise<void> {
  const [session] = await openSessions(job, 1);
  if (session === undefined) return;
  if (session instanceof HttpSession) await session.openStream();
  // One call first, so that the flood's connection is up and its socket can stop reading before a byte comes.
  await awaitAnswer((done) => session.call(nextId(), callBody('echo', { text: '' }), done), ANSWER_MS);
  session.call(nextId(), callBody('flood', { count: job.count, bytes: job.bytes }), () => undefined);
  session.pause();
  print({ localPorts: session.localPorts });
  await inputEnded();
}

async function run(job: Job): Promise<void> {
  switch (job.mode) {
    case 'calls':
      return calls(job);
    case 'open':
      return open(job);
    case 'idle':
      return idle(job);
    case 'unread':
      return unread(job);
    case 'crowd': {
      const crowd = await openCrowd(job);
      print(crowd.report);
      await inputEnded();
      return crowd.close();
    }
    case 'rollout': {
      const rollout = await openRollout(job);
      print({ streams: rollout.streams });
      await inputEnded();
      return print(await rollout.finish());
    }
  }
}

run(JSON.parse(process.argv[2] ?? '{}') as Job).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
