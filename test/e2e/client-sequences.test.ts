/** The sequences of messages that real clients are known to send, to real servers of each era: they probe, and then begin anew. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
  /** Sends `initialize`, as a client that knows of no session; resolves with the client of the session that it gets. */
  initialize(): Promise<McpClient>;
  close(): Promise<void>;
}

function httpProgram(base: string): Program {
  const opened: McpClient[] = [];
  return {
    modern: new ModernHttpClient(`${base}/mcp`),
    initialize: () => {
      const client = new StreamableClient(`${base}/mcp`);
      opened.push(client);
      return initialized(client);
    },
    close: async () => {
      await Promise.all(opened.map((client) => client.close()));
    },
  };
}

async function webSocketProgram(base: string): Promise<Program> {
  const modern = await ModernWsClient.connect(`${base}/ws`);
  return { modern, initialize: () => initialized(modern.inner), close: () => modern.close() };
}

async function initialized(client: McpClient): Promise<McpClient> {
  const { message } = await client.initialize();
  const serverInfo = { name: 'berth-conformance-fixture' };
  expect(message.result).toMatchObject({ protocolVersion: '2025-11-25', serverInfo });
  return client;
}

async function calls(client: McpClient): Promise<void> {
  expect((await client.tool('test_simple_text')).message.result?.content).toEqual(TEXT);
}

const PROGRAMS = { 'streamable-http': httpProgram, websocket: webSocketProgram };

describe.each(['streamable-http', 'websocket'] as const)('over %s', (transport) => {
  describe.each(FIXTURE_ERAS)('to a server of the era %s', (era) => {
    let program: Program;
    beforeEach(async () => {
      program = await PROGRAMS[transport](gateway.url(era));
      const { result } = await program.modern.request('server/discover');
      expect(result).toMatchObject({ supportedVersions: ['2026-07-28'] });
    });
    afterEach(() => program?.close());

    it('discover, initialize: the client is served as the legacy one that it turned into', async () => {
      await calls(await program.initialize());
    });

    it('discover, initialize, initialize: the last session is the one, and modern requests go on beside it', async () => {
      await program.initialize();
      await calls(await program.initialize());
      expect((await program.modern.tool('test_simple_text')).result?.content).toEqual(TEXT);
    });
  });
});
