/**
 * `npm run bench`: Berth beside bare pipes and two other bridges, in one run. Never fails on a bar.
 *
 * --quick             one short round (a few minutes less, and less to rely on)
 * --only TEXT         only cases whose name contains TEXT: http/1x16/64, sse, ws, lanes, open, catalogue, idle, unread, names
 * --contestants A,B   only these of bare, berth, supergateway, mcp-proxy
 * --rounds N          other number of rounds
 * --full              instead of all this the threats and faults at full size (ten minutes); --only takes rows such as T-33
 * --cluster           instead of all this exec and network against local, in the cluster of KUBECONFIG with the images of
 *                     BERTH_TEST_IMAGES; --quick, --only and --rounds hold: http/20x16, open, cold start exec, crowd network, rollout
 * --seconds N         length of the long load of --full (T-20); 60 by default
 * --out FILE          where the page goes; by default bench/RESULTS.md (FULL.md, CLUSTER.md) after a whole run, else only to the terminal
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Book } from './book.ts';
import { type ClusterPlan, FULL_CLUSTER, QUICK_CLUSTER } from './cluster/plan.ts';
import { CONTESTANTS, type ContestantName } from './contestants.ts';
import { runFull } from './full/run.ts';
import { FULL, laneCells, type Plan, QUICK, throughputCells, wanted } from './plan.ts';
import { report } from './report.ts';
import type { Books } from './summary.ts';
import { CATALOGUE, runCatalogue } from './workloads/catalogue.ts';
import { IDLE, runIdle } from './workloads/idle.ts';
import { NAMES, runNames } from './workloads/names.ts';
import { OPENING, runOpening } from './workloads/opening.ts';
import { runLanes, runThroughput } from './workloads/throughput.ts';
import { runUnread, UNREAD } from './workloads/unread.ts';

const RESULTS = fileURLToPath(new URL('RESULTS.md', import.meta.url));
const FULL_RESULTS = fileURLToPath(new URL('FULL.md', import.meta.url));
const CLUSTER_RESULTS = fileURLToPath(new URL('CLUSTER.md', import.meta.url));
const FULL_SECONDS = 60;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    contestants: { type: 'string', default: CONTESTANTS.join(',') },
    rounds: { type: 'string' },
    full: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    seconds: { type: 'string', default: String(FULL_SECONDS) },
    out: { type: 'string' },
  },
});

function readRounds(usual: number): number {
  const rounds = values.rounds === undefined ? usual : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds needs a whole number above 0');
  return rounds;
}

function readPlan(): Plan {
  const base = values.quick ? QUICK : FULL;
  const names = values.contestants.split(',');
  const contestants = CONTESTANTS.filter((name: ContestantName) => names.includes(name));
  const rounds = readRounds(base.rounds);
  if (contestants.length < names.length)
    throw new Error(`--contestants takes names of: ${CONTESTANTS.join(', ')}`);
  return { ...base, rounds, contestants, only: values.only };
}

function outputFile(plan: Plan): string | undefined {
  if (values.out !== undefined) return values.out;
  const whole =
    !values.quick && plan.only === '' && plan.contestants.length === CONTESTANTS.length && plan.rounds >= 3;
  return whole ? RESULTS : undefined;
}

function log(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function measure(plan: Plan): Promise<Books> {
  const books: Books = {
    calls: new Book(),
    opening: new Book(),
    catalogue: new Book(),
    idle: new Book(),
    unread: new Book(),
    names: new Book(),
  };
  for (const [transport, cells] of throughputCells(plan)) {
    await runThroughput(transport, cells, { plan, book: books.calls, log });
  }
  await runLanes(laneCells(plan), { plan, book: books.calls, log });
  if (wanted(plan, OPENING)) await runOpening(plan, books.opening, log);
  if (wanted(plan, CATALOGUE)) await runCatalogue(plan, books.catalogue, log);
  if (wanted(plan, IDLE)) await runIdle(plan, books.idle, log);
  if (wanted(plan, UNREAD)) await runUnread(plan, books.unread, log);
  if (wanted(plan, NAMES)) await runNames(plan, books.names, log);
  return books;
}

async function fullSize(): Promise<{ page: string; file: string | undefined }> {
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new Error('--seconds needs a number above 0');
  const whole = values.only === '' && seconds >= FULL_SECONDS;
  const page = await runFull({ only: values.only, seconds, log });
  return { page, file: values.out ?? (whole ? FULL_RESULTS : undefined) };
}

async function inCluster(): Promise<{ page: string; file: string | undefined }> {
  // Loaded only here: it needs the Kubernetes client.
  const { runCluster } = await import('./cluster/run.ts');
  const base = values.quick ? QUICK_CLUSTER : FULL_CLUSTER;
  const plan: ClusterPlan = { ...base, rounds: readRounds(base.rounds) };
  const whole = !values.quick && values.only === '' && plan.rounds >= 3;
  const page = await runCluster({ plan, only: values.only, log });
  return { page, file: values.out ?? (whole ? CLUSTER_RESULTS : undefined) };
}

async function sideBySide(): Promise<{ page: string; file: string | undefined }> {
  const plan = readPlan();
  return { page: report(await measure(plan), plan), file: outputFile(plan) };
}

const { page, file } = await (values.cluster ? inCluster() : values.full ? fullSize() : sideBySide());
process.stdout.write(`${page}\n`);
if (file !== undefined) writeFileSync(file, page);
