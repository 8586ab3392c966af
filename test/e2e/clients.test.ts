/** The official SDKs' clients against our fixtures of each era: lists, calls, progress, cancellation and elicitation over every transport. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURE_ERAS, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/local-process.ts';
import { SPEAKS } from '../support/requirements.ts';
import { connectSdk, eraOf, SDK_CLIENTS, type SdkClient } from '../support/sdk-clients.ts';

const WAITING = 'test_progress_then_wait';

/** How often the waiting tool was cancelled on the client's process. */
async function cancelled(client: SdkClient): Promise<number> {
  const counts = JSON.parse(await client.callTool('test_so_far', {})) as Record<string, number>;
  return counts[`cancelled ${WAITING}`] ?? 0;
}

let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  const servers = FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] }));
  gateway = await startGateway({ servers });
});
afterAll(() => gateway?.close());

describe.each(FIXTURE_ERAS)('in front of a server of the era %s', (era) => {
  describe.each(SDK_CLIENTS)('the SDK client %s', (flavour) => {
    let client: SdkClient;

    beforeAll(async () => {
      client = await connectSdk(flavour, gateway.url(era));
    });
    afterAll(() => client?.close());

    it('speaks its own era and sees the server itself', () => {
      expect([client.era, client.serverName]).toEqual([eraOf(flavour), 'berth-conformance-fixture']);
    });

    it('lists and calls tools', async () => {
      expect(await client.listTools()).toContain('test_simple_text');
      expect(await client.callTool('test_simple_text', {})).toBe('Plain text from the fixture');
    });

    // while the call runs: the SDKs drop progress that comes in one read with the answer
    it('gets all progress of its call, and cancels it', async () => {
      const before = await cancelled(client);
      const giveUp = new AbortController();
      const steps: number[] = [];
      const progress = (value: number): void => {
        if (steps.push(value) === 3) giveUp.abort();
      };
      await expect(client.callTool(WAITING, {}, { progress, signal: giveUp.signal })).rejects.toThrow(
        /abort/i,
      );
      expect(steps).toEqual([0, 50, 100]);
      await eventually('the server is told', async () => (await cancelled(client)) === before + 1);
    });

    it('is asked by the server while its call runs', async () => {
      expect(await client.callTool('test_elicitation', { message: 'Who?' })).toContain('"username":"ada"');
    });
  });
});
