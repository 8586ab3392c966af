/** Watching memory, other clients and connections while something happens. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { McpClient } from '../../test/support/mcp-client.ts';
import { quantile } from '../stats.ts';
import { bar, type Finding } from './case.ts';
import type { GatewayProcess } from './gateway.ts';

const SAMPLE_MS = 50;
const PAUSE_MS = 5;
/** Growth of the gateway's resident memory that a threat may cause at most, MiB. */
const MEMORY_BAR = 64;

/** The highest growth of the gateway's resident memory while `work` ran, MiB, and what `work` gave. */
export async function growthDuring<T>(
  gateway: GatewayProcess,
  work: () => Promise<T>,
): Promise<{ readonly growth: number; readonly value: T }> {
  const before = gateway.residentMib;
  let peak = before;
  const sample = (): void => {
    peak = Math.max(peak, gateway.residentMib);
  };
  const timer = setInterval(sample, SAMPLE_MS);
  try {
    const value = await work();
    sample();
    return { growth: peak - before, value };
  } finally {
    clearInterval(timer);
  }
}

export function memoryFinding(what: string, growth: number): Finding {
  return bar(
    `${what}: growth of resident memory`,
    `${growth.toFixed(1)} MiB`,
    `< ${MEMORY_BAR} MiB`,
    growth < MEMORY_BAR,
  );
}

/** A client that calls on and on, one call at a time, until it is stopped. */
export class Neighbour {
  readonly #client: McpClient;
  readonly #times: number[] = [];
  readonly #done: Promise<void>;
  #failed = 0;
  #stopped = false;

  constructor(client: McpClient, name: string) {
    this.#client = client;
    this.#done = this.#run(name);
  }

  /** Milliseconds of its calls and how many of them failed or were not its own. */
  async stop(): Promise<{
    readonly calls: number;
    readonly failed: number;
    readonly p99: number;
    readonly max: number;
  }> {
    this.#stopped = true;
    await this.#done;
    const sorted = this.#times.toSorted((a, b) => a - b);
    return {
      calls: sorted.length,
      failed: this.#failed,
      p99: quantile(sorted, 0.99),
      max: sorted.at(-1) ?? Number.NaN,
    };
  }

  async #run(name: string): Promise<void> {
    for (let call = 0; !this.#stopped; call++) {
      const started = performance.now();
      const answer = await this.#client
        .request(`"${name}-${call}"`, 'trap/echo', { name, call })
        .catch(() => undefined);
      if (answer?.message.result?.name !== name || answer.message.result.call !== call) this.#failed++;
      this.#times.push(performance.now() - started);
      await sleep(PAUSE_MS);
    }
  }
}

/** Runs `work` beside a neighbour that is measured alone first. */
export async function besideNeighbour<T>(
  client: McpClient,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly findings: (what: string) => Finding[] }> {
  const alone = new Neighbour(client, 'before');
  await sleep(3_000);
  const before = await alone.stop();
  const beside = new Neighbour(client, 'during');
  const value = await work().finally(() => beside.stop());
  const during = await beside.stop();
  const findings = (what: string): Finding[] => [
    bar(
      `${what}: another client's calls`,
      `${during.failed} of ${during.calls} failed; p99 ${before.p99.toFixed(1)} ms alone, ${during.p99.toFixed(1)} ms meanwhile, longest ${during.max.toFixed(0)} ms`,
      'none failed',
      during.failed === 0,
    ),
  ];
  return { value, findings };
}

/** Whether the kernel still has a connection from a client's port to the gateway's, seen from the gateway's side. */
export function connected(gatewayPort: number, clientPort: number): boolean {
  const table = ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/net/${name}`, 'utf8')).join('');
  const port = (field: string | undefined): number => Number.parseInt(field?.split(':')[1] ?? '', 16);
  const ESTABLISHED = '01';
  return table.split('\n').some((row) => {
    const [, local, remote, state] = row.trim().split(/\s+/);
    return port(local) === gatewayPort && port(remote) === clientPort && state === ESTABLISHED;
  });
}

/** Waits until it holds, looking every 50 ms; the milliseconds it took, or undefined when it never did. */
export async function timeUntil(holds: () => boolean, withinMs: number): Promise<number | undefined> {
  const started = performance.now();
  while (performance.now() - started < withinMs) {
    if (holds()) return performance.now() - started;
    await sleep(SAMPLE_MS);
  }
  return undefined;
}

export function seconds(ms: number | undefined): string {
  return ms === undefined ? 'never' : `${(ms / 1000).toFixed(1)} s`;
}
