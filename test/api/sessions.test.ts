import { describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { createFixture, sessionReport } from '../servers/doubles.ts';
import { underContract } from './contract.ts';

const PATH = '/api/v1/servers/time/sessions';

async function createClient(ids: readonly string[]) {
  const { manager, host, templates, calls, discovery } = await createFixture();
  const api = underContract(createApi({ manager, templates, calls, discovery }));
  const send = async (method: string, path: string) =>
    await api.request(`http://127.0.0.1${path}`, { method, headers: { 'X-Berth-Request': '1' } });
  await api.request('http://127.0.0.1/api/v1/servers?wait=ready', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"template":"time"}',
  });
  host.open.set(
    manager.get('time').id,
    ids.map((id) => sessionReport(id)),
  );
  return { send, host, manager };
}

describe('the sessions of a server', () => {
  it('are listed with what is known of each', async () => {
    const { send } = await createClient(['one']);
    const before = Date.now();
    const response = await send('GET', PATH);
    const { sessions, total } = (await response.json()) as { sessions: [{ createdAt: string }]; total: 1 };
    expect([response.status, total]).toEqual([200, 1]);
    expect(sessions).toEqual([
      {
        id: 'one',
        kind: 'session',
        state: 'busy',
        transport: 'streamable-http',
        principal: 'local',
        era: 'legacy',
        protocolVersion: '2025-11-25',
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        lastActivity: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        callsInFlight: 1,
        queuedBytes: 0,
        bufferedBytes: 12,
        heldBytes: 340,
        lostNotifications: 0,
        processes: [{ pid: 77, queuedBytes: 0, messagesIn: 3, messagesOut: 4, noiseLines: 1 }],
      },
    ]);
    expect(Date.parse(sessions[0].createdAt)).toBeLessThan(before);
  });

  it('of modern clients, who have none, are one for each caller', async () => {
    const { send, host, manager } = await createClient([]);
    const { protocolVersion: _none, ...report } = sessionReport('m', { kind: 'modern' });
    host.open.set(manager.get('time').id, [report]);
    const answer = await (await send('GET', PATH)).json();
    expect(answer).toMatchObject({ sessions: [{ kind: 'modern', era: 'modern', principal: 'local' }] });
  });

  it('come in pages, with the total', async () => {
    const { send } = await createClient(['a', 'b', 'c']);
    const page = async (query: string) => {
      const { sessions, total } = (await (await send('GET', `${PATH}${query}`)).json()) as {
        sessions: { id: string }[];
        total: number;
      };
      return [sessions.map(({ id }) => id).join(''), total];
    };
    expect(await page('?limit=2')).toEqual(['ab', 3]);
    expect(await page('?limit=2&offset=2')).toEqual(['c', 3]);
    expect((await send('GET', `${PATH}?limit=x`)).status).toBe(400);
  });

  it('are ended one by one, or all at once', async () => {
    const { send } = await createClient(['a', 'b', 'c']);
    expect((await send('DELETE', `${PATH}/b`)).status).toBe(204);
    const again = await send('DELETE', `${PATH}/b`);
    expect([again.status, again.headers.get('Content-Type')]).toEqual([404, 'application/problem+json']);
    expect(await again.json()).toMatchObject({
      code: 'not-found',
      hint: expect.stringContaining('berth sessions'),
    });
    expect(await (await send('DELETE', PATH)).json()).toEqual({ ended: 2 });
    expect(await (await send('DELETE', PATH)).json()).toEqual({ ended: 0 });
  });

  it('leave their use behind, by the day', async () => {
    const { send, host, manager } = await createClient([]);
    const used = { sessions: 1, calls: 2, failedCalls: 1, bytesToServer: 30, bytesFromServer: 40 };
    host.used.set(manager.get('time').id, used);
    const today = new Date().toISOString().slice(0, 10);
    const answer = await (await send('GET', '/api/v1/servers/time/usage')).json();
    expect(answer).toEqual({ days: [{ day: expect.any(String), ...used }], sum: used });
    expect((answer as { days: [{ day: string }] }).days[0].day >= today).toBe(true);
    expect((await send('GET', '/api/v1/servers/time/usage?days=x')).status).toBe(400);
    expect((await send('GET', '/api/v1/servers/nobody/usage')).status).toBe(404);
  });

  it('of a server that does not exist are not found', async () => {
    const { send } = await createClient([]);
    const paths = ['/api/v1/servers/nobody/sessions', '/api/v1/servers/nobody/sessions/x'];
    const statuses = [
      (await send('GET', paths[0] ?? '')).status,
      (await send('DELETE', paths[0] ?? '')).status,
      (await send('DELETE', paths[1] ?? '')).status,
    ];
    expect(statuses).toEqual([404, 404, 404]);
  });
});
