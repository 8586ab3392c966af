/** What clients must be told of servers, over the API. */
import { describe, expect, it } from 'vitest';
import { CLIENTS } from '../../src/clients/table.ts';
import { createApiClient } from './client.ts';

async function open() {
  const api = await createApiClient();
  await api.run('a');
  await api.json('POST', '/groups', { body: { name: 'g', servers: ['a'] } });
  return api;
}

const URL_OF_A = 'http://127.0.0.1:8053/servers/a/mcp';

describe('the configuration of a client', () => {
  it('is known for every client of the command, and says who starts programs', async () => {
    const { json } = await open();
    const { clients } = (await json('GET', '/clients')).body;
    expect(clients.map(({ id }: { id: string }) => id)).toEqual(CLIENTS.map(({ id }) => id));
    for (const { id } of CLIENTS) {
      const { status, body } = await json('GET', `/servers/a/clients/${id}`);
      expect([id, status, body.text.includes(URL_OF_A), body.url]).toEqual([id, 200, true, URL_OF_A]);
    }
  });

  it('is the entry alone, without a key on this machine', async () => {
    const { json } = await open();
    const { body } = await json('GET', '/servers/a/clients/claude-code');
    expect(body).toMatchObject({ client: 'claude-code', title: 'Claude Code', format: 'jsonc' });
    expect(JSON.parse(body.text)).toEqual({ mcpServers: { a: { type: 'http', url: URL_OF_A } } });
    const desktop = (await json('GET', '/servers/a/clients/claude-desktop')).body;
    expect(JSON.parse(desktop.text).mcpServers.a).toEqual({ command: 'berth', args: ['stdio', URL_OF_A] });
    expect(desktop.after).toContain('Restart');
  });

  it('refers to the key of a caller who needs one, and never has it', async () => {
    const { json } = await open();
    const get = (path: string) => json('GET', path, { as: 'use' });
    const { text } = (await get('/servers/a/clients/claude-code')).body;
    expect(JSON.parse(text).mcpServers.a.headers).toEqual({ Authorization: `Bearer \${BERTH_KEY}` });
    const named = (await get('/servers/a/clients/claude-code?keyVariable=MY_KEY')).body;
    expect(named.text).toContain(`\${MY_KEY}`);
    expect((await get('/servers/a/clients/claude-code?keyVariable=a%20b')).status).toBe(400);
    const refused = await get('/servers/a/clients/claude-desktop');
    expect([refused.status, refused.body.hint]).toEqual([403, expect.stringContaining('--key-file')]);
    const { body } = await get('/servers/a/clients/claude-desktop?keyFile=/home/ada/key');
    expect(JSON.parse(body.text).mcpServers.a.args).toEqual([
      ...['stdio', '--url', 'http://127.0.0.1:8053', '--key-file', '/home/ada/key', URL_OF_A],
    ]);
  });

  it('is there for groups, and not for what is not there', async () => {
    const { json } = await open();
    const { body } = await json('GET', '/groups/g/clients/cursor');
    expect(JSON.parse(body.text).mcpServers.g).toEqual({ url: 'http://127.0.0.1:8053/groups/g/mcp' });
    expect((await json('GET', '/servers/a/clients/nobody')).status).toBe(404);
    expect((await json('GET', '/servers/b/clients/cursor')).status).toBe(404);
    expect((await json('GET', '/groups/b/clients/cursor')).status).toBe(404);
  });
});
