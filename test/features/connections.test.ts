/** Clients of every transport stand in the list of sessions with their real process, and can be ended there. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { session } from '../support/transports.ts';
import { trapLaunch, trapState, until } from '../support/trap.ts';

const ANN = `berth_${'a'.repeat(43)}`;

let gateway: TestGateway;
let id: string;

beforeAll(async () => {
  gateway = await startGateway({
    servers: [{ name: 'trap', launch: trapLaunch() }],
    keys: { ann: ANN },
  });
  id = gateway.ids.get('trap') ?? '';
});
afterAll(() => gateway?.close());

const list = () => gateway.host.sessions(id);

it.each([
  ['streamable-http', 'streams'],
  ['sse', 'single'],
  ['websocket', 'single'],
] as const)('over %s', async (transport, delivery) => {
  const client = await session(transport, gateway.url('trap'), { key: ANN });
  const { pid } = await trapState(client);
  expect(list()).toMatchObject([
    { kind: 'session', state: 'idle', delivery, principal: 'key:ann', processes: [{ pid, noiseLines: 0 }] },
  ]);
  const [listed] = list();
  // The handshake, the call that asked for the pid, and their answers.
  expect(listed?.processes[0]).toMatchObject({ messagesIn: 2, messagesOut: 3 });
  expect(await gateway.host.endSessions(id, 'another')).toBe(0);
  expect(await gateway.host.endSessions(id, listed?.id)).toBe(1);
  expect(list()).toEqual([]);
  await until('the process has ended', () => gateway.host.activity(id)?.processes === 0);
  await client.close();
});

it('all at once', async () => {
  const clients = await Promise.all([1, 2].map(() => session('websocket', gateway.url('trap'))));
  expect(list().map(({ principal }) => principal)).toEqual(['local', 'local']);
  expect(await gateway.host.endSessions(id)).toBe(2);
  expect(list()).toEqual([]);
  await Promise.all(clients.map((client) => client.close()));
});
