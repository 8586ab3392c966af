/** What bridges are known to get wrong with bytes and sizes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapLaunch } from '../support/trap.ts';

const MIB = 1024 * 1024;

let gateway: Awaited<ReturnType<typeof startGateway>>;
let base: string;

beforeAll(async () => {
  gateway = await startGateway({ servers: [{ name: 'trap', launch: trapLaunch() }] });
  base = gateway.url('trap');
});
afterAll(() => gateway?.close());

describe.each(TRANSPORTS)('over %s', (transport) => {
  it('passes numbers, escapes, unknown members and key order unaltered both ways', async () => {
    const client = await session(transport, base);
    const params =
      '{"z":1,"name":"echo","a":9007199254740993,"f":1.0,"e":1e400,"s":"\\u0041\\/é🎉","n":null,"o":{"2":0,"1":-0}}';
    const { text } = await client.request('1', 'tools/call', params);
    expect(text).toBe(`{"jsonrpc":"2.0","id":1,"result":${params}}`);
    await client.close();
  });

  it('takes a body of 200 kB', async () => {
    const client = await session(transport, base);
    const params = `{"pad":"${'x'.repeat(200_000)}"}`;
    const { text } = await client.request('1', 'trap/echo', params);
    expect(text === `{"jsonrpc":"2.0","id":1,"result":${params}}`).toBe(true);
    await client.close();
  });

  it.each([9, 11])('delivers a result of %i MiB and goes on', async (size) => {
    const client = await session(transport, base);
    expect(await client.toolText('size', { bytes: size * MIB })).toHaveLength(size * MIB);
    expect((await client.request('"after"', 'ping')).message.result).toEqual({});
    await client.close();
  });

  it('assembles characters that the server writes byte by byte', async () => {
    const client = await session(transport, base);
    const { message } = await client.request('1', 'trap/bytewise', { word: 'zażółć 🎉 日本' });
    expect(message.result).toEqual({ word: 'zażółć 🎉 日本' });
    await client.close();
  });

  it('never forwards what the server prints beside its messages', async () => {
    const client = await session(transport, base);
    expect(await client.toolText('noise')).toBe('after noise');
    expect((await client.request('"after"', 'ping')).message.result).toEqual({});
    expect(client.inbox.waiting).toEqual([]);
    await client.close();
  });
});
