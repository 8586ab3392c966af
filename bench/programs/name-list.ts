/**
 * The list of names of a Python index: `build FOLDER COUNT` makes up an index of that many names and reads it as the gateway does;
 * `query FOLDER ROUNDS` asks what people ask. Each writes one JSON line. They are two processes so that the memory of one is not
 * that of the other.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NameSearchWorker } from '../../src/discovery/name-search-worker.ts';
import { readOffThread } from '../../src/discovery/read-off-thread.ts';

export interface NamesBuilt {
  readonly count: number;
  readonly pageMib: number;
  readonly seconds: number;
}

export interface NamesAsked {
  /** Milliseconds of each query, all rounds together. */
  readonly samples: readonly number[];
  /** Milliseconds of processor time of a query, on the average: what a busy machine does not change. */
  readonly cpuMs: number;
  /** What the process grew by, with the worker and all that it loaded. */
  readonly growthMib: number;
}

const WORDS =
  'py data web search time mail tool kit core lib async http json sql graph image text model server client agent cloud file pdf test auth cache queue stream parse'.split(
    ' ',
  );
const QUERIES = [
  ['search', 'web'],
  ['read', 'pdf'],
  ['postgres'],
  ['time'],
  ['mail', 'server'],
  ['pars'],
  ['image', 'text'],
  ['clod'],
  ['data'],
  ['mcp'],
  ['zzzz'],
  ['graph', 'client', 'agent'],
];
/** One name in so many says MCP. */
const MCP_SHARE = 60;
const TYPE = 'application/vnd.pypi.simple.v1+json';

/** The same numbers in every run (mulberry32). */
function createRandom(): (below: number) => number {
  let seed = 7;
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function makeNames(count: number): string[] {
  const random = createRandom();
  return Array.from({ length: count }, (_, serial) => {
    const words = Array.from({ length: 1 + random(3) }, () => WORDS[random(WORDS.length)] ?? '');
    const mcp = random(MCP_SHARE) === 0 ? ['mcp'] : [];
    return [...words, ...mcp, serial.toString(36)].join('-');
  });
}

async function build(folder: string, count: number): Promise<NamesBuilt> {
  mkdirSync(folder, { recursive: true });
  const projects = makeNames(count).map((name, at) => ({ '_last-serial': 10_000_000 + at, name }));
  const page = JSON.stringify({ meta: { 'api-version': '1.4', '_last-serial': 1 }, projects });
  const from = join(folder, 'page.json');
  writeFileSync(from, page);
  const started = performance.now();
  const read = await readOffThread({ kind: 'names', from, type: TYPE, to: join(folder, 'names.txt') });
  const seconds = (performance.now() - started) / 1_000;
  return { count: read.count, pageMib: page.length / 2 ** 20, seconds };
}

async function query(folder: string, rounds: number): Promise<NamesAsked> {
  const before = process.memoryUsage().rss;
  const search = new NameSearchWorker(join(folder, 'names.txt'));
  // The first round loads the list and compiles what asks.
  for (const words of QUERIES) await search.find({ words, limit: 20 });
  const samples: number[] = [];
  const used = process.cpuUsage();
  for (let round = 0; round < rounds; round++)
    for (const words of QUERIES) {
      const started = performance.now();
      await search.find({ words, limit: 20 });
      samples.push(performance.now() - started);
    }
  const { user, system } = process.cpuUsage(used);
  const cpuMs = (user + system) / 1_000 / samples.length;
  const growthMib = (process.memoryUsage().rss - before) / 2 ** 20;
  await search.close();
  return { samples, cpuMs, growthMib };
}

const [, , mode, folder = '', number = ''] = process.argv;
const result = mode === 'build' ? await build(folder, Number(number)) : await query(folder, Number(number));
process.stdout.write(`${JSON.stringify(result)}\n`);
