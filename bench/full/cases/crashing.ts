/** F-10: processes that die under their clients, and servers that die at once. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect, session, TRANSPORTS, type Transport } from '../../../test/support/transports.ts';
import { trapLaunch } from '../../../test/support/trap.ts';
import { bar, type Finding, type FullCase, type FullContext } from '../case.ts';
import { besideNeighbour } from '../measure.ts';

const PROGRAM = fileURLToPath(new URL('../crashing-server.ts', import.meta.url));
/** One fewer than the ends that close a server for ten minutes. */
const CRASHES = 4;
const SPARE_WATCHED_MS = 35_000;
const WANTED_GAPS = [1, 2, 4, 8];
const TRIES = 8;
const STARTS = 5;

function starts(file: string): number[] {
  return readFileSync(file, 'utf8').trim().split('\n').map(Number);
}

async function told(transport: Transport, base: string): Promise<Finding> {
  let longest = 0;
  let good = 0;
  for (let crash = 0; crash < CRASHES; crash++) {
    const client = await session(transport, base);
    const hanging = client.tool('hang');
    const started = performance.now();
    const answers = await Promise.all([client.tool('crash'), hanging]);
    longest = Math.max(longest, performance.now() - started);
    if (answers.every(({ message }) => message.error?.data?.exitCode === 7)) good++;
    await client.close();
  }
  return bar(
    `${transport}: ${CRASHES} processes that die with two calls in flight`,
    `${good} times both told phase and exit code, after ${longest.toFixed(0)} ms at most`,
    'all, ≤ 1 s',
    good === CRASHES && longest <= 1_000,
  );
}

async function loop(base: string, file: string): Promise<Finding[]> {
  const messages: string[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const transport = TRANSPORTS[attempt % TRANSPORTS.length] ?? 'sse';
    const client = await connect(transport, base);
    const { message } = await client.initialize();
    messages.push(
      `${message.error?.message} [${String(message.error?.data?.exitCode)}, ${JSON.stringify(message.error?.data?.stderr)}]`,
    );
    await client.close();
  }
  const refused = messages.filter((text) => text.includes('failed five times within ten minutes')).length;
  const explained = messages.filter(
    (text) => text.includes('[3, ') && text.includes('TOKEN is not set'),
  ).length;
  const started = starts(file).length;
  return [
    bar(
      `a server that exits at once, opened ${TRIES} times over all transports`,
      `${started} processes started, ${refused} opened later refused without one`,
      `${STARTS} and ${TRIES - STARTS}`,
      started === STARTS && refused === TRIES - STARTS,
    ),
    bar('its clients, told exit code and last stderr line', `${explained}`, `${TRIES}`, explained === TRIES),
  ];
}

function backoff(file: string): Finding {
  const times = starts(file);
  const gaps = times.slice(1).map((time, index) => (time - (times[index] ?? time)) / 1000);
  const good =
    gaps.length === WANTED_GAPS.length &&
    gaps.every((gap, index) => gap >= (WANTED_GAPS[index] ?? 0) && gap < (WANTED_GAPS[index] ?? 0) + 1);
  return bar(
    `its spare process, watched for ${SPARE_WATCHED_MS / 1000} s: seconds between starts`,
    gaps.map((gap) => gap.toFixed(1)).join(', '),
    `${WANTED_GAPS.join(', ')} (start-up itself comes on top), then none`,
    good,
  );
}

async function run(context: FullContext): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-full-'));
  const [looping, spared] = [join(folder, 'looping'), join(folder, 'spared')];
  const exits = (file: string) => ({ file: process.execPath, args: [PROGRAM, file] });
  try {
    const gateway = await context.gateway([
      ...['trap', ...TRANSPORTS].map((name) => ({ name, launch: trapLaunch() })),
      { name: 'looping', launch: exits(looping) },
      { name: 'spared', launch: exits(spared), limits: { spares: 1 } },
    ]);
    const ends = performance.now() + SPARE_WATCHED_MS;
    const neighbour = await session('streamable-http', gateway.url('trap'));
    const beside = await besideNeighbour(neighbour, async () => {
      const findings: Finding[] = [];
      for (const transport of TRANSPORTS) findings.push(await told(transport, gateway.url(transport)));
      return [...findings, ...(await loop(gateway.url('looping'), looping))];
    });
    await sleep(Math.max(0, ends - performance.now()));
    await neighbour.close();
    return [...beside.value, backoff(spared), ...beside.findings('all of these')];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const crashing: FullCase = { row: 'F-10', run };
