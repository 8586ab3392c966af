/** What is counted of real calls over real processes. */
import { afterEach, expect, it } from 'vitest';
import type { Usage } from '../../src/servers/usage.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { session, TRANSPORTS } from '../support/transports.ts';
import { trapLaunch, until } from '../support/trap.ts';

let gateway: TestGateway;
afterEach(() => gateway?.close());

async function open(isolation: 'session' | 'shared' = 'session') {
  gateway = await startGateway({ servers: [{ name: 'trap', launch: trapLaunch(), isolation }] });
  const id = gateway.ids.get('trap') ?? '';
  const take = (): Usage | undefined => gateway.host.takeUsage().get(id);
  return { id, take, url: gateway.url('trap') };
}

it.each(TRANSPORTS)('counts sessions, calls, failed calls and bytes over %s', async (transport) => {
  const { take, url } = await open();
  const client = await session(transport, url);
  await client.request('1', 'tools/list');
  await client.tool('no-such-tool');
  const first = take();
  expect(first).toMatchObject({ sessions: 1, calls: 3, failedCalls: 1 });
  expect(first?.bytesToServer).toBeGreaterThan(200);
  expect(first?.bytesFromServer).toBeGreaterThan(1_000);
  expect(take()).toEqual({ sessions: 0, calls: 0, failedCalls: 0, bytesToServer: 0, bytesFromServer: 0 });
  await client.request('2', 'tools/list');
  expect(take()).toMatchObject({ sessions: 0, calls: 1, failedCalls: 0 });
  await client.close();
});

it('counts a call that its process did not survive', async () => {
  const { id, take, url } = await open();
  const client = await session('streamable-http', url);
  await client.tool('crash').catch(() => undefined);
  await until('the process has ended', () => gateway.host.activity(id)?.processes === 0);
  expect(take()).toMatchObject({ sessions: 1, calls: 2, failedCalls: 1 });
});

it('goes on over a new definition, and is told once more after the server was taken away', async () => {
  const { id, take, url } = await open('shared');
  const [one, two] = [await session('websocket', url), await session('websocket', url)];
  await one.request('1', 'tools/list');
  await gateway.host.undefine(id, { force: true });
  expect(take()).toMatchObject({ sessions: 2, calls: 3 });
  expect(take()).toBeUndefined();
  await Promise.all([one.close(), two.close()]);
});
