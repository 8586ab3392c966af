/**
 * The suite's client scenarios with the gateway as the client: its channel to a server that speaks HTTP is what the suite's servers judge.
 * An official client stands behind the gateway, of the server's era or of the other.
 */
import { execFile as execFileCallback } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { entry, runClientScenario } from '../support/conformance.ts';
import type { Flavour } from '../support/conformance-drive.ts';
import { CLIENT_SCENARIOS, type Revision } from './client-scenarios.ts';

const execFile = promisify(execFileCallback);
const PROGRAM = fileURLToPath(new URL('../support/conformance-client.ts', import.meta.url));
const FLAVOURS: Readonly<Record<Revision, readonly Flavour[]>> = {
  '2025-11-25': ['v1', 'v2-modern'],
  '2026-07-28': ['v2-modern', 'v1'],
};
const ROWS = CLIENT_SCENARIOS.flatMap(([scenario, revision]) =>
  FLAVOURS[revision].map((flavour) => ({ scenario, revision, flavour })),
);

/** The names of the client scenarios that the suite itself lists for a requirement set, scored or not, but those about authorization. */
async function listed(revision: Revision): Promise<string[]> {
  const { stdout } = await execFile(process.execPath, [
    entry('@modelcontextprotocol/conformance'),
    'list',
    '--client',
    '--requirements',
    revision,
  ]);
  const scored = /^Client scenarios .*\n((?: {2}- .*\n)*)/m.exec(stdout)?.[1] ?? '';
  const names = [
    ...Array.from(scored.matchAll(/^ {2}- (\S+)/gm), ([, name]) => name ?? ''),
    ...Array.from(stdout.matchAll(/^ {4}- (\S+) \[client\]/gm), ([, name]) => name ?? ''),
  ];
  return names.filter((name) => !name.startsWith('auth/'));
}

describe('the gateway as a client', () => {
  it.each(['2025-11-25', '2026-07-28'] as const)('is tried in every scenario of %s', async (revision) => {
    const ours = CLIENT_SCENARIOS.filter(([, of]) => of === revision).map(([name]) => name);
    expect(ours.toSorted()).toEqual((await listed(revision)).toSorted());
  });

  it.concurrent.each(ROWS)('passes $scenario of $revision for a client $flavour', async (row) => {
    const { scenario, revision, flavour } = row;
    const command = [process.execPath, PROGRAM, flavour].join(' ');
    const result = await runClientScenario({ scenario, revision, command });
    expect(result).toMatchObject({
      failures: [],
      warnings: [],
      passed: expect.toSatisfy((passed: number) => passed > 0),
    });
  });
});
