import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createTreesProbe } from '../../src/controller/trees-probe.ts';

let store: Server;
let url: string;
let answer: (response: ServerResponse) => void;
let asked = 0;

beforeAll(async () => {
  store = createServer((_request, response) => {
    asked++;
    answer(response);
  });
  await once(store.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
});

afterAll(() => {
  store.closeAllConnections();
  store.close();
});

beforeEach(() => {
  asked = 0;
});

it.each([
  [200, true],
  [404, false],
  [503, undefined],
])('takes %s for %s', async (status, known) => {
  answer = (response) => void response.writeHead(status).end();
  const probe = createTreesProbe(url);
  expect([await probe.has('a'), await probe.has('a'), asked]).toEqual([known, known, 2]);
});

it('keeps nobody waiting for a service that has just said nothing, and asks it again later', async () => {
  const clock = new ManualClock();
  const probe = createTreesProbe(url, { clock, timeout: 2_000 });
  answer = () => {};
  expect([await probe.has('a'), await probe.has('b'), await probe.has('c')]).toEqual(
    Array(3).fill(undefined),
  );
  expect(asked).toBe(1);
  answer = (response) => void response.writeHead(200).end();
  clock.advance(60_000);
  expect([await probe.has('a'), asked]).toEqual([true, 2]);
});
