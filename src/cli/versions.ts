/** `berth --version`: what runs here, and what answers where the gateway is. */
import type { Command } from 'commander';
import { toBerthError } from '../errors.ts';
import { programVersion } from '../version.ts';
import type { CliSystem } from './cli-system.ts';
import { createContext, formatOf } from './context.ts';
import { clean, EXIT } from './failure.ts';
import { isData, valueText } from './output.ts';

/** Milliseconds: nobody waits long for a number. */
const ASK_TIMEOUT = 5_000;

type GatewayVersion =
  | { readonly url: string; readonly version: string; readonly runtime: string }
  | { readonly url: string; readonly problem: string };

/** True when the flag stands anywhere before `--`, whatever else does. Throws as the parser does. */
export function asksForVersion(program: Command, argv: readonly string[]): boolean {
  const flag = argv.some((word) => word === '-V' || word === '--version');
  if (!flag) return false;
  program.parseOptions([...argv]);
  return program.opts<{ version?: boolean }>().version === true;
}

export async function showVersions(program: Command, system: CliSystem): Promise<number> {
  const gateway = await askGateway(program, system);
  const format = formatOf(program);
  const node = process.versions.node;
  const platform = `${process.platform} ${process.arch}`;
  if (isData(format)) system.out(valueText({ berth: programVersion(), node, platform, gateway }, format));
  else system.out(`berth ${programVersion()}\nnode ${node} (${platform})\n${gatewayLine(gateway)}`);
  return EXIT.ok;
}

async function askGateway(program: Command, system: CliSystem): Promise<GatewayVersion> {
  const { client } = await createContext(program, system);
  const { url } = client;
  try {
    const { version, runtime } = await client.health(AbortSignal.timeout(ASK_TIMEOUT));
    return { url, version, runtime };
  } catch (thrown) {
    return { url, problem: toBerthError(thrown).message };
  }
}

function gatewayLine(gateway: GatewayVersion): string {
  if ('problem' in gateway) return `gateway: ${clean(gateway.problem)}\n`;
  return `gateway ${clean(gateway.version)} (${clean(gateway.runtime)}) at ${gateway.url}\n`;
}
