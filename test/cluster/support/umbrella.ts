/** A chart of somebody else that has ours as a dependency, written to a folder of its own and packed by helm without a network. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { CHART, run } from './tools.ts';

export interface Umbrella {
  readonly folder: string;
  /** Under which its values stand, and which the names of its objects have. */
  readonly key: string;
  close(): void;
}

export function openUmbrella(alias?: string): Umbrella {
  const folder = mkdtempSync(join(tmpdir(), 'berth-umbrella-'));
  const { version } = parse(readFileSync(`${CHART}/Chart.yaml`, 'utf8')) as { version: string };
  const dependency = { name: 'berth', version, repository: `file://${CHART}`, ...(alias && { alias }) };
  const chart = { apiVersion: 'v2', name: 'platform', version: '1.0.0', dependencies: [dependency] };
  writeFileSync(join(folder, 'Chart.yaml'), JSON.stringify(chart));
  run('helm', ['dependency', 'build', folder, '--skip-refresh']);
  return { folder, key: alias ?? 'berth', close: () => rmSync(folder, { recursive: true }) };
}
