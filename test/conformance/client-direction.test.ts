/**
 * The suite's client scenarios with the gateway as the client: its channel to a server that speaks HTTP is what the suite's servers judge.
 * An official client stands behind the gateway, of the server's era or of the other.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runClientScenario } from '../support/conformance.ts';
import type { Flavour } from '../support/conformance-drive.ts';
import { CLIENT_SCENARIOS, type Revision } from './client-scenarios.ts';

const PROGRAM = fileURLToPath(new URL('../support/conformance-client.ts', import.meta.url));
const FLAVOURS: Readonly<Record<Revision, readonly Flavour[]>> = {
  '2025-11-25': ['v1', 'v2-modern'],
  '2026-07-28': ['v2-modern', 'v1'],
};
const ROWS = CLIENT_SCENARIOS.flatMap(([scenario, revision]) =>
  FLAVOURS[revision].map((flavour) => ({ scenario, revision, flavour })),
);

describe('the gateway as a client', () => {
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
