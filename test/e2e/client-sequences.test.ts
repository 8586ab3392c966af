/** The sequences of messages that real clients are known to send, to real servers of each era: they probe, and then begin anew. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FIXTURE_ERAS, fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import type { McpClient } from '../support/mcp-client.ts';
import { type ModernClient, ModernHttpClient, ModernWsClient } from '../support/modern-client.ts';
import { SPEAKS } from '../support/requirements.ts';
import { StreamableClient } from '../support/streamable-client.ts';

const TEXT = [{ type: 'text', text: 'Plain text from the fixture' }];

let gateway: TestGateway;
beforeAll(async () => {
  const servers = FIXTURE_ERAS.map((era) => ({ name: era, launch: fixtureLaunch(era), eras: SPEAKS[era] }));
  gateway = await startGateway({ servers });
});
afterAll(() => gateway?.close());

/** Both sides of one program: over WebSocket they share the connection. */
interface Program {
  readonly modern: ModernClient;
  readonly legacy: McpClient;
  close(): Promise<void>;
}

const PROGRAMS = {
  'streamable-http': async (base: string): Promise<Program> => {
    const [modern, legacy] = [new ModernHttpClient(`${base}/mcp`), new StreamableClient(`${base}/mcp`)];
    return { modern, legacy, close: () => legacy.close() };
  },
  websocket: async (base: string): Promise<Program> => {
    const modern = await ModernWsClient.connect(`${base}/ws`);
    return { modern, legacy: modern.inner, close: () => modern.close() };
  },
};

async function calls(client: McpClient): Promise<void> {
  expect((await client.tool('test_simple_text')).message.result?.content).toEqual(TEXT);
}

describe.each(['streamable-http', 'websocket'] as const)('over %s', (transport) => {
  describe.each(FIXTURE_ERAS)('to a server of the era %s', (era) => {
    let program: Program;
    beforeAll(async () => {
      program = await PROGRAMS[transport](gateway.url(era));
    });
    afterAll(() => program?.close());

    it('discover, initialize: the client is served as the legacy one that it turned into', async () => {
      const discovered = await program.modern.request('server/discover');
      expect(discovered.result).toMatchObject({ supportedVersions: ['2026-07-28'] });
      const { message } = await program.legacy.initialize();
      expect(message.result).toMatchObject({
        protocolVersion: '2025-11-25',
        serverInfo: { name: 'berth-conformance-fixture' },
      });
      await calls(program.legacy);
    });

    it('initialize once more: a session of its own, and modern requests go on beside it', async () => {
      expect((await program.legacy.initialize()).message.result).toMatchObject({
        protocolVersion: '2025-11-25',
      });
      await calls(program.legacy);
      expect((await program.modern.tool('test_simple_text')).result?.content).toEqual(TEXT);
    });
  });
});
