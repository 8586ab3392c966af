/** Groups over the API. */
import { expect, it } from 'vitest';
import { createApi } from '../../src/api/app.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../../src/auth/principal.ts';
import { GroupLists } from '../../src/groups/group-lists.ts';
import { Groups } from '../../src/groups/groups.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { SqliteGroupStore } from '../../src/store/group-store.ts';
import { createFixture } from '../servers/doubles.ts';
import { underContract } from './contract.ts';

const PATH = '/api/v1/groups';

async function start() {
  const fixture = await createFixture();
  const groups = new Groups(new SqliteGroupStore(':memory:'));
  const lists = new GroupLists(fixture.calls);
  const stateOf = (server: string) => fixture.manager.find(server)?.state;
  const publicUrl = () => 'http://127.0.0.1:8053';
  const api = underContract(createApi({ ...fixture, groups: { groups, lists, stateOf, publicUrl } }));
  await fixture.manager.run(parseServerSpec({ template: 'time' }), { wait: true });
  await fixture.manager.run(parseServerSpec({ template: 'everything' }), { wait: true });
  const send = async (
    method: string,
    path: string,
    body?: unknown,
    principal: Principal = LOCAL_PRINCIPAL,
  ) => {
    const headers = { 'Content-Type': 'application/json' };
    const request = new Request(`http://127.0.0.1${path}`, {
      ...{ method, headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const response = await api.fetch(request, { principal });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  return { ...fixture, api, send };
}

it('creates, shows, replaces and removes a group', async () => {
  const { send, manager } = await start();
  const body = {
    name: 'work',
    title: 'Work',
    servers: ['time', { server: 'everything', prefix: 'e_', tools: ['echo'] }],
  };
  const made = await send('POST', PATH, body);
  const servers = [
    { server: 'time', prefix: 'time__', state: 'running' },
    { server: 'everything', prefix: 'e_', tools: ['echo'], state: 'running' },
  ];
  const url = 'http://127.0.0.1:8053/groups/work/mcp';
  expect(made).toMatchObject({ status: 201, body: { name: 'work', title: 'Work', servers, url } });
  expect(await send('POST', PATH, body)).toMatchObject({ status: 409, body: { code: 'conflict' } });
  expect(await send('GET', PATH)).toMatchObject({
    status: 200,
    body: { total: 1, groups: [{ name: 'work' }] },
  });
  await manager.remove('time');
  expect((await send('GET', `${PATH}/work`)).body.servers[0]).toMatchObject({ state: 'missing' });
  const smaller = { name: 'work', servers: ['everything'] };
  expect(await send('PUT', `${PATH}/work`, smaller)).toMatchObject({ status: 200 });
  expect(await send('PUT', `${PATH}/other`, smaller)).toMatchObject({
    status: 400,
    body: { code: 'bad-input' },
  });
  expect((await send('GET', `${PATH}/work`)).body).not.toHaveProperty('title');
  expect((await send('DELETE', `${PATH}/work`, {})).status).toBe(204);
  expect(await send('GET', `${PATH}/work`)).toMatchObject({ status: 404, body: { code: 'not-found' } });
});

it('refuses a group of servers that there are not, and callers who may only use servers', async () => {
  const { send } = await start();
  const body = { name: 'work', servers: ['time', 'nobody'] };
  expect(await send('POST', PATH, body)).toMatchObject({
    status: 400,
    body: { code: 'bad-input', errors: [{ pointer: '/servers/1' }] },
  });
  const user: Principal = { ...LOCAL_PRINCIPAL, scope: 'use' };
  expect((await send('POST', PATH, { name: 'work', servers: ['time'] }, user)).status).toBe(403);
  expect((await send('GET', PATH, undefined, user)).status).toBe(200);
});

it('lists the tools of a group, and names servers that do not answer', async () => {
  const { send, peer } = await start();
  peer.answers.set('tools/list', async ({ server }) =>
    server === 'time'
      ? { error: { code: -32603, message: 'broken' } }
      : { result: { tools: [{ name: 'echo' }, { name: 'add' }] } },
  );
  await send('POST', PATH, { name: 'work', servers: ['time', { server: 'everything', tools: ['echo'] }] });
  expect(await send('GET', `${PATH}/work/tools`)).toMatchObject({
    status: 200,
    body: {
      total: 1,
      tools: [{ name: 'everything__echo' }],
      silent: [{ server: 'time', detail: 'time answers: broken' }],
    },
  });
});

it('says that there are no groups where there are none', async () => {
  const fixture = await createFixture();
  const api = underContract(createApi(fixture));
  const response = await api.fetch(new Request(`http://127.0.0.1${PATH}`), { principal: LOCAL_PRINCIPAL });
  expect([response.status, await response.json()]).toEqual([
    403,
    expect.objectContaining({ code: 'not-allowed', detail: 'this gateway has no groups' }),
  ]);
});
