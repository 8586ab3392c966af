/** Runs the full-size cases one after the other; a case that throws becomes a missed row and ends nothing else. */
import type { TestServer } from '../../test/support/gateway.ts';
import type { FullCase, FullContext } from './case.ts';
import { crashing } from './cases/crashing.ts';
import { crossing } from './cases/crossing.ts';
import { endless } from './cases/endless.ts';
import { flood } from './cases/flood.ts';
import { halfOpen } from './cases/half-open.ts';
import { hanging, slow } from './cases/hanging.ts';
import { ids } from './cases/ids.ts';
import { silentRegistry } from './cases/silent-registry.ts';
import { sizes } from './cases/sizes.ts';
import { structures } from './cases/structures.ts';
import { unread } from './cases/unread.ts';
import { GatewayProcess } from './gateway.ts';
import { fullPage, type RowResult } from './page.ts';

const CASES: readonly FullCase[] = [
  ids,
  crossing,
  sizes,
  structures,
  flood,
  endless,
  crashing,
  hanging,
  slow,
  unread,
  halfOpen,
  silentRegistry,
];

interface FullOptions {
  /** Only rows whose name contains this text. */
  readonly only: string;
  readonly seconds: number;
  readonly log: (text: string) => void;
}

/** The page of a run. */
export async function runFull(options: FullOptions): Promise<string> {
  const results: RowResult[] = [];
  for (const each of CASES.filter(({ row }) => row.includes(options.only))) {
    const result = await runCase(each, options);
    options.log(`${result.row}: ${result.failure ?? ''} ${result.seconds.toFixed(0)} s`);
    for (const { what, measured, met } of result.findings)
      options.log(`  ${met === false ? 'MISSED ' : ''}${what}: ${measured}`);
    results.push(result);
  }
  return fullPage(results);
}

async function runCase({ row, run }: FullCase, { seconds, log }: FullOptions): Promise<RowResult> {
  const gateways: GatewayProcess[] = [];
  const started = performance.now();
  const took = (): number => (performance.now() - started) / 1000;
  const context: FullContext = {
    seconds,
    log,
    gateway: async (servers: readonly TestServer[], keys) => {
      const gateway = await GatewayProcess.start(servers, keys);
      gateways.push(gateway);
      return gateway;
    },
  };
  try {
    return { row, findings: await run(context), seconds: took() };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { row, findings: [], seconds: took(), failure: text.slice(0, 300) };
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.close()));
  }
}
