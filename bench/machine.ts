/** Which machine and which versions a run was made with. */
import { readFileSync } from 'node:fs';
import { arch, cpus, release, type as systemName, totalmem } from 'node:os';
import { berthProgram } from './berth.ts';

function version(file: string): string {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Markdown lines: date, processor, memory, system, versions. */
export function machineLines(): string[] {
  const [cpu] = cpus();
  const built = berthProgram()?.endsWith('.js') === true ? 'built' : 'from sources';
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return [
    `- ${new Date().toISOString().slice(0, 10)}; ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${memory} GiB, ${systemName()} ${release()} ${arch()}, Node ${process.versions.node}`,
    `- Berth ${version('../package.json')} (${built}), supergateway ${version('../node_modules/supergateway/package.json')}, mcp-proxy ${version('../node_modules/mcp-proxy/package.json')}`,
  ];
}
