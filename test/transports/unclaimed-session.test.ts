/** Clients that give up while their session is being opened. */
import { afterEach, expect, it } from 'vitest';
import { PLAIN_WITHIN } from '../../src/transports/post-reader.ts';
import { eventually } from '../support/local-process.ts';
import { RawStream } from '../support/raw-stream.ts';
import { type Front, startFront } from './front.ts';

let front: Front;
afterEach(() => front.close());

const INITIALIZE =
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}';

/** A client whose `initialize` the server has not answered yet. */
async function opening(): Promise<RawStream> {
  front = await startFront({ answers: { initialize: () => undefined } });
  const head = [
    'POST',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${INITIALIZE.length}`,
  ];
  const stream = await RawStream.open(`${front.base}/mcp`, head, INITIALIZE);
  await eventually('initialize at the server', () => front.harness.servers[0]?.of('initialize')[0]);
  return stream;
}

function sessions(): number | undefined {
  return front.harness.supervisor.activity(front.harness.definition.id)?.sessions;
}

it('a session whose id nobody was told ends with its client, and its process with it', async () => {
  const client = await opening();
  expect(sessions()).toBe(1);
  client.close();
  await eventually('its end', () => sessions() === 0 && front.harness.server.process.stopping);
});

it('a session whose id was told goes on without its client', async () => {
  const client = await opening();
  front.harness.clock.advance(PLAIN_WITHIN);
  await eventually('the head', () => /mcp-session-id: /i.test(client.seen));
  client.close();
  // The gateway has seen the other client leave when it answers a later one.
  const [, id = ''] = /mcp-session-id: (\S+)/i.exec(client.seen) ?? [];
  const response = await fetch(`${front.base}/mcp`, { method: 'DELETE', headers: { 'mcp-session-id': id } });
  expect(response.status).toBe(204);
});
