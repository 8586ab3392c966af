/** A peer that is gone without a word (F-14): its socket does not answer pings, so its session and process are freed. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { startGateway } from '../support/gateway.ts';
import { trapLaunch, trapState, until } from '../support/trap.ts';
import { WsClient } from '../support/ws-client.ts';

/** Two of these lie within the 45 s after which a dead peer must be noticed. */
const ROUND_MS = 22_000;

const clock = new ManualClock();
let gateway: Awaited<ReturnType<typeof startGateway>>;

beforeAll(async () => {
  gateway = await startGateway({ servers: [{ name: 'trap', launch: trapLaunch() }], clock });
});
afterAll(() => gateway?.close());

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

it('ends the websocket session of a peer that no longer answers, and only that one', async () => {
  const url = `${gateway.url('trap')}/ws`;
  const silent = await WsClient.connect(url, { autoPong: false });
  const lively = await WsClient.connect(url);
  for (const client of [silent, lively]) await client.initialize();
  const { pid } = await trapState(silent);
  expect(runs(pid)).toBe(true);

  for (let round = 0; round < 2; round++) {
    const pinged = once(lively.socket, 'ping');
    clock.advance(ROUND_MS);
    await pinged;
    expect((await lively.request(String(round), 'ping')).message.result).toEqual({});
  }
  expect(await silent.closed).toBe(1006);
  await until('its process is gone', () => !runs(pid));
  expect((await lively.request('"still"', 'trap/echo', { here: true })).message.result).toEqual({
    here: true,
  });
  await lively.close();
});
