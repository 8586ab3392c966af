/** A run against a cluster as Markdown. */
import { cpus } from 'node:os';
import { atLeast, atMost, type Bar } from '../bars.ts';
import type { Book } from '../book.ts';
import type { CallsResult, OpenResult } from '../job.ts';
import { machineLines } from '../machine.ts';
import { barTable, figure, table } from '../markdown.ts';
import type { Cell } from '../plan.ts';
import { median, quantile } from '../stats.ts';
import { middle } from '../summary.ts';
import { STEPS } from './cold.ts';
import type { CrowdResult } from './crowd.ts';
import { BARE, type ClusterBooks, COLD_START, CROWD, OPENINGS, ROLLOUT } from './measures.ts';
import { CARRIERS, type Carrier, WHOS, type Who } from './places.ts';
import { BUSY, CLUSTER_CELLS, type ClusterPlan, ONE_CALL } from './plan.ts';
import { PROGRAM_NAMES } from './processor-time.ts';
import { GATEWAYS, type RolloutResult } from './rollout.ts';

export interface ClusterRun {
  readonly plan: ClusterPlan;
  readonly books: ClusterBooks;
  /** Processes that wanted a processor, over the minute before the run and over its last. */
  readonly load: { readonly before: number; readonly after: number };
  /** The version of Kubernetes. */
  readonly kubernetes: string;
}

function perSecond(books: ClusterBooks, cell: string, who: Who): number {
  return middle(books.calls, cell, who, (value) => value.perSecond);
}

/** Of all rounds together: a round alone has too few for a high quantile. */
function openTime(books: ClusterBooks, name: string, who: Who, q: number): number {
  const samples = books.opening.values(name, who).flatMap((value: OpenResult) => value.samples);
  return quantile(
    samples.sort((a, b) => a - b),
    q,
  );
}

function coldTimes(books: ClusterBooks, who: Who): number[] {
  const starts = books.cold.values(COLD_START, who).flatMap((value) => value.starts);
  return starts.map(({ ms }) => ms).sort((a, b) => a - b);
}

const coldTime = (books: ClusterBooks, who: Who, q: number): number => quantile(coldTimes(books, who), q);

function crowdOf(books: ClusterBooks, carrier: Carrier): CrowdResult | undefined {
  return books.crowd.values(CROWD, carrier)[0];
}

function rolloutOf(books: ClusterBooks): RolloutResult | undefined {
  return books.rollout.values(ROLLOUT, 'exec')[0];
}

/** The most streams that ended within one second. */
function mostEnds({ streamEnds }: RolloutResult): number {
  const within = (from: number): number => streamEnds.filter((at) => at >= from && at < from + 1_000).length;
  return Math.max(0, ...streamEnds.map(within));
}

/** Seconds; no number unless each gateway was seen to be told and to end. */
function lastExit(rollout: RolloutResult | undefined): number {
  return rollout?.exits.length === GATEWAYS ? Math.max(...rollout.exits) : Number.NaN;
}

/** Every bar with this run's figure; the network has to hold none, as it is there for what exec cannot carry. */
export function clusterBars({ books, plan }: Pick<ClusterRun, 'books' | 'plan'>): Bar[] {
  const p50 = (who: Who): number => middle(books.calls, ONE_CALL, who, (value) => value.p50);
  const crowd = crowdOf(books, 'exec');
  const of = (value: number | undefined): number => value ?? Number.NaN;
  const rollout = rolloutOf(books);
  const many = `${plan.crowd} sessions over exec`;
  return [
    atLeast(
      'exec, 20 sessions × 16 in flight: calls per second to local',
      perSecond(books, BUSY, 'exec') / perSecond(books, BUSY, 'local'),
      0.7,
    ),
    atMost('exec, 1 in flight, p50: above local', p50('exec') - p50('local'), 1.5, 'ms'),
    ...OPENINGS.map(([name]) =>
      atMost(`exec, session ${name}, p99`, openTime(books, name, 'exec', 0.99), 500, 'ms'),
    ),
    atMost('exec, cold start, p99', coldTime(books, 'exec', 0.99) / 1000, 5, 's'),
    atLeast(`${many}: opened`, of(crowd?.opened), plan.crowd, ''),
    atMost(`${many}: answers of another call`, of(crowd?.crossed), 0, ''),
    atMost(`${many}: calls that failed`, of(crowd?.failed), 0, ''),
    atMost(`${many}: sessions and joins left after their end`, of(crowd?.left), 0, ''),
    atLeast(
      'rollout: answered calls per second',
      of(rollout && rollout.answered / rollout.seconds),
      plan.callsPerSecond * 0.99,
      '',
    ),
    atMost('rollout: calls that failed', of(rollout?.failed), 0, ''),
    atMost('rollout: streams that were cut', of(rollout?.streamsCut), 0, ''),
    atMost('rollout: streams that could not be opened again at once', of(rollout?.streamsRefused), 0, ''),
    atLeast('rollout: streams open in the end', of(rollout?.streamsOpen), plan.streams, ''),
    atMost('rollout: a gateway has ended after', lastExit(rollout), 45, 's'),
  ].map((bar) => ({ ...bar, wanted: bar.wanted.trim() }));
}

const HEADS: Record<Who, string> = { local: 'local', exec: 'exec', network: 'network' };

/** A figure, or a word that says why there is none; reasons stand at the end of the page. */
function entry(
  books: { readonly book: Book<object> },
  [name, who]: readonly [string, Who],
  text: string,
): string {
  return text.startsWith('–') && books.book.failure(name, who) !== undefined ? 'failed' : text;
}

function title({ sessions, inFlight }: Cell): string {
  return `${sessions} session${sessions === 1 ? '' : 's'} × ${inFlight} in flight`;
}

function calls(books: ClusterBooks): string[] {
  const rates = CLUSTER_CELLS.map((cell) => [
    title(cell),
    ...WHOS.map((who) =>
      entry({ book: books.calls }, [cell.id, who], figure(perSecond(books, cell.id, who), 0)),
    ),
    ...CARRIERS.map((who) => figure(perSecond(books, cell.id, who) / perSecond(books, cell.id, 'local'), 2)),
  ]);
  const times = CLUSTER_CELLS.map((cell) => [
    title(cell),
    ...WHOS.map((who) => {
      const of = (key: 'p50' | 'p99'): string =>
        figure(
          middle(books.calls, cell.id, who, (value: CallsResult) => value[key]),
          2,
        );
      return `${of('p50')} / ${of('p99')}`;
    }),
  ]);
  const heads = WHOS.map((who) => HEADS[who]);
  return [
    '## Calls',
    '',
    ...table(['calls per second', ...heads, 'exec : local', 'network : local'], rates),
    ...table(['p50 / p99 in ms', ...heads], times),
    ...bareExec(books),
  ];
}

/** What of the time over exec is the cluster's own, on this machine and at this time. */
function bareExec({ bare }: ClusterBooks): string[] {
  if (bare.values(BARE, 'exec').length === 0) return [];
  const of = (key: 'p50' | 'p99'): string =>
    figure(
      middle(bare, BARE, 'exec', (value) => value[key]),
      2,
    );
  return [
    `A round trip to a bare \`cat\` over exec, with nothing of Berth in the pod: ${of('p50')} / ${of('p99')} ms. API server, kubelet and container runtime take that of every call over exec.`,
    '',
  ];
}

function costs(books: ClusterBooks): string[] {
  const rows = CLUSTER_CELLS.map(({ id, ...cell }) => [
    title({ id, ...cell }),
    ...WHOS.map((who) => shares(books, id, who)),
  ]);
  const note =
    'Share of the processor time of this machine, opening of sessions and warm-up included, of the programs with the largest shares. Where the cluster is elsewhere its programs are not seen.';
  return ['## Where the processor time goes', '', ...table(['', ...WHOS], rows), note, ''];
}

/** Those of at least five per cent. */
function shares(books: ClusterBooks, cell: string, who: Who): string {
  const all = books.costs.values(cell, who);
  const of = (name: string): number => median(all.map((one) => one[name] ?? 0));
  const sum = PROGRAM_NAMES.reduce((total, name) => total + of(name), 0);
  return PROGRAM_NAMES.map((name) => ({ name, share: of(name) / sum }))
    .filter(({ share }) => share >= 0.05)
    .sort((a, b) => b.share - a.share)
    .map(({ name, share }) => `${name} ${figure(share * 100, 0)} %`)
    .join(', ');
}

function openings(books: ClusterBooks): string[] {
  const pair = (time: (q: number) => number): string => `${figure(time(0.5), 0)} / ${figure(time(0.99), 0)}`;
  const rows = OPENINGS.map(([name]) => [
    name,
    ...WHOS.map((who) =>
      entry(
        { book: books.opening },
        [name, who],
        pair((q) => openTime(books, name, who, q)),
      ),
    ),
  ]);
  const cold = WHOS.map((who) =>
    entry(
      { book: books.cold },
      [COLD_START, who],
      pair((q) => coldTime(books, who, q)),
    ),
  );
  const count = Math.max(...WHOS.map((who) => coldTimes(books, who).length));
  const note = `Streamable HTTP, \`initialize\` and \`initialized\`, connection included. Each session has a process of its own. Cold start: the server has had no replica for some minutes, its package tree is in the store, its images are on the node; the request brings it back. Of ${count} cold starts by each carrier p99 is the slowest.`;
  return [
    '## Opening a session',
    '',
    ...table(['p50 / p99 in ms', ...WHOS.map((who) => HEADS[who])], [...rows, [COLD_START, ...cold]]),
    note,
    '',
    ...coldSteps(books),
  ];
}

/** Where the time of a cold start goes. */
function coldSteps(books: ClusterBooks): string[] {
  if (books.cold.size === 0) return [];
  const time = (who: Who, step: (typeof STEPS)[number]): number =>
    median(
      books.cold
        .values(COLD_START, who)
        .flatMap(({ starts }) => starts.map(({ steps }) => steps[step] ?? Number.NaN)),
    );
  const rows = STEPS.map((step) => [step, ...CARRIERS.map((who) => figure(time(who, step), 0))]);
  const note =
    'Milliseconds since the request, median, as a watch of the cluster shows it. Kubelet looks at its containers once a second: a gateway does not wait for what it says.';
  return [...table(['a cold start on its way', ...CARRIERS.map((who) => HEADS[who])], rows), note, ''];
}

function crowds(books: ClusterBooks, { crowd, crowdCalls }: ClusterPlan): string[] {
  const ms = (samples: readonly number[], q: number): string =>
    figure(
      quantile(
        [...samples].sort((a, b) => a - b),
        q,
      ),
      0,
    );
  const rows = CARRIERS.map((carrier) => {
    const found = crowdOf(books, carrier);
    if (!found) return [carrier, ...Array.from({ length: 8 }, () => 'failed')];
    const { openings: opened, latencies } = found;
    return [
      carrier,
      `${found.opened}`,
      `${ms(opened, 0.5)} / ${ms(opened, 0.99)}`,
      `${found.calls}`,
      `${ms(latencies, 0.5)} / ${ms(latencies, 0.99)}`,
      `${found.crossed}`,
      `${found.failed}`,
      `${figure(found.kibPerSession, 1)} (${figure(found.gatewayKib, 1)} + ${figure(found.supervisorKib, 1)})`,
      `${found.left}`,
    ];
  });
  const head = [
    '',
    'open at once',
    'opening, p50 / p99 ms',
    'calls',
    'call, p50 / p99 ms',
    'crossed',
    'failed',
    'KiB a session (gateway + supervisor)',
    'left',
  ];
  const note = `${crowd} sessions on one pod and one process (isolation \`shared\`), ${crowdCalls} calls of each, all sessions at once; every call has a text of its own, and its answer must carry that. Memory: growth of what is resident in gateway and supervisor. Left: sessions that the pod still has, and programs that joined it to the gateway, when all sessions have ended and the link has closed.`;
  return [`## ${crowd} sessions at once`, '', ...table(head, rows), note, ''];
}

function rollouts(books: ClusterBooks, { streams, callsPerSecond }: ClusterPlan): string[] {
  const found = rolloutOf(books);
  if (!found) return [];
  const times = [found.p50, found.p99, found.slowest].map((ms) => figure(ms, 0));
  const rows = [
    ['both gateways replaced after', `${figure(found.rollout, 1)} s`],
    ['a gateway has ended so long after its SIGTERM', found.exits.map((s) => `${figure(s, 1)} s`).join(', ')],
    ['calls', `${found.calls} in ${figure(found.seconds, 1)} s, ${found.answered} of them answered`],
    ['calls that failed', `${found.failed}`],
    ['a call, p50 / p99 / slowest ms', times.join(' / ')],
    ['streams open before / in the end', `${found.streams} / ${found.streamsOpen}`],
    ['ends of streams, at most within a second', `${found.streamEnds.length}, ${mostEnds(found)}`],
    ['streams that were cut', `${found.streamsCut}`],
    ['attempts to open a stream again that came to nothing', `${found.streamsRefused}`],
  ];
  const note = `Over exec, through the Service: ${callsPerSecond} calls a second over 20 sessions and ${streams} further sessions with a stream each, on one pod. Each call is sent once. A stream that ends is opened again within a second.`;
  return ['## Two gateways replaced under load', '', ...table(['', ''], rows), note, ''];
}

function failures(books: ClusterBooks): string[] {
  const lines: string[] = [];
  const collect = (book: Book<object>, names: readonly string[]): void => {
    for (const name of names)
      for (const who of WHOS) {
        const text = book.failure(name, who);
        if (text !== undefined) lines.push(`- ${name}, ${who}: ${text}`);
      }
  };
  collect(
    books.calls,
    CLUSTER_CELLS.map(({ id }) => id),
  );
  collect(
    books.opening,
    OPENINGS.map(([name]) => name),
  );
  collect(books.bare, [BARE]);
  collect(books.cold, [COLD_START]);
  collect(books.crowd, [CROWD]);
  collect(books.rollout, [ROLLOUT]);
  const { firstError, firstStreamError } = rolloutOf(books) ?? {};
  for (const text of [firstError, firstStreamError])
    if (text !== undefined) lines.push(`- ${ROLLOUT}: ${text.slice(0, 300)}`);
  for (const carrier of CARRIERS) {
    const first = crowdOf(books, carrier)?.firstError;
    if (first !== undefined) lines.push(`- ${CROWD}, ${carrier}: ${first.slice(0, 300)}`);
  }
  return lines.length === 0 ? [] : ['## What failed', '', ...lines, ''];
}

/** What other work does to the figures; the run itself makes a load of its own, so that only what was there before it counts. */
function busyLines({ before }: ClusterRun['load']): string[] {
  if (!(before > cpus().length / 2)) return [];
  return [
    '- the machine had other work, which every figure bears: times are upper bounds, and ratios between turns waver; run it again where nothing else runs',
  ];
}

/** The whole page. */
export function clusterPage({ books, plan, load, kubernetes }: ClusterRun): string {
  return [
    '# What the benchmark measured in a cluster',
    '',
    'Written by `npm run bench -- --cluster`. The same echo server stands behind three gateways that were up side by side and took turns',
    'in every case: local, a gateway of this machine with the processes as its own; exec and network, the gateway of a release of the chart, which',
    `reaches the server's pod by that carrier. Each figure of the calls is the median of ${plan.rounds} round${plan.rounds === 1 ? '' : 's'}. All of it, the client and the cluster included, shares`,
    'the processors of one machine where the cluster is on this one. Read the ratios: the absolute figures belong to the machine.',
    '',
    ...machineLines().slice(0, 1),
    `- Kubernetes ${kubernetes}; load of the machine over a minute: ${figure(load.before, 2)} before the run, ${figure(load.after, 2)} at its end`,
    ...busyLines(load),
    '',
    ...barTable(clusterBars({ books, plan })),
    ...(books.calls.size > 0 ? [...calls(books), ...costs(books)] : []),
    ...(books.opening.size + books.cold.size > 0 ? openings(books) : []),
    ...(books.crowd.size > 0 ? crowds(books, plan) : []),
    ...(books.rollout.size > 0 ? rollouts(books, plan) : []),
    ...failures(books),
  ].join('\n');
}
