import { describe, expect, it } from 'vitest';
import { createMachine } from './system-double.ts';

const URL = 'http://127.0.0.1:8053/servers/time/mcp';
const FILE = '/home/ada/.cursor/mcp.json';

async function withServer() {
  const machine = await createMachine();
  await machine.berth('run', 'time');
  return machine;
}

describe('berth connect', () => {
  it('prints what belongs into the file, and changes nothing', async () => {
    const { berth, files } = await withServer();
    const { code, out, err } = await berth('connect', 'cursor', 'time');
    expect([code, JSON.parse(out)]).toEqual([0, { mcpServers: { time: { url: URL } } }]);
    expect(err).toContain(`belongs into ${FILE}`);
    expect(files[FILE]).toBeUndefined();
    expect(JSON.parse((await berth('-o', 'json', 'connect', 'codex')).out)).toEqual({
      client: 'codex',
      file: '/home/ada/.codex/config.toml',
      text: `[mcp_servers.time]\nurl = "${URL}"\n`,
    });
  });

  it('writes, keeps what was there, and writes nothing twice', async () => {
    const { berth, files } = await withServer();
    files[FILE] = '{\n  // mine\n  "mcpServers": {}\n}\n';
    const before = files[FILE];
    expect(await berth('connect', 'cursor', '--write')).toMatchObject({
      code: 0,
      err: expect.stringContaining('before, it was'),
    });
    expect(files[`${FILE}.before`]).toBe(before);
    expect(files[FILE]).toContain('// mine');
    expect(files[FILE]).toContain(URL);
    expect((await berth('connect', 'cursor', '--write')).err).toBe(`${FILE} has it already\n`);
    expect((await berth('connect', 'cursor', 'time', '--remove')).code).toBe(0);
    expect(files[FILE]).not.toContain(URL);
  });

  it('takes the file of a project, another file and another name', async () => {
    const { berth, files } = await withServer();
    await berth('connect', 'vscode', 'time', '--scope', 'project', '--write', '--as', 'clock');
    expect(JSON.parse(files['/home/ada/project/.vscode/mcp.json'] ?? '')).toEqual({
      servers: { clock: { type: 'http', url: URL } },
    });
    await berth('connect', 'claude-code', '--write', '--file', 'other.json');
    expect(files['/home/ada/project/other.json']).toContain(URL);
  });

  it('refers to a key, and never writes one', async () => {
    const { berth, state, files } = await withServer();
    state.env = { BERTH_KEY: 'canary-key' };
    const cursor = await berth('connect', 'cursor');
    expect(JSON.parse(cursor.out).mcpServers.time.headers).toEqual({
      Authorization: `Bearer \${env:BERTH_KEY}`,
    });
    const named = await berth('connect', 'codex', '--key-env', 'MY_KEY');
    expect(named.out).toContain('bearer_token_env_var = "MY_KEY"');
    const zed = await berth('connect', 'zed', '--write');
    expect([zed.code, zed.err.split('\n')[0]]).toEqual([
      1,
      '✗ Zed cannot refer to a key, and none is written into its file',
    ]);
    files['key.txt'] = 'canary-key';
    const program = await berth('--key-file', 'key.txt', 'connect', 'zed');
    expect(JSON.parse(program.out)).toEqual({
      context_servers: {
        time: {
          command: '/bin/node',
          args: [
            '/lib/berth.mjs',
            'stdio',
            '--url',
            'http://127.0.0.1:8053',
            '--key-file',
            '/home/ada/project/key.txt',
            URL,
          ],
        },
      },
    });
    expect(
      JSON.stringify([cursor, named, zed, program, files['/home/ada/.config/zed/settings.json']]),
    ).not.toContain('canary');
  });

  it('gives a program to a client that only starts programs, and tells what comes next', async () => {
    const { berth } = await withServer();
    const { err } = await berth('connect', 'claude-desktop', '--write');
    expect(err).toContain('/home/ada/.config/Claude/claude_desktop_config.json is written');
    expect(err).toContain('Restart Claude Desktop');
  });

  it.each([
    [['connect', 'emacs'], /"emacs" is no client/],
    [['connect', 'cursor', 'nobody'], /there is no server "nobody"/],
    [['connect', 'windsurf', '--scope', 'project'], /has no file of a project/],
    [['connect', 'cursor', '--key-env', 'a b'], /--key-env must be the name/],
    [['connect', 'cursor', '--remove'], /name the servers/],
    [['connect', 'cursor', 'time', '--remove'], /has no file/],
  ])('%j says what is wrong', async (argv, message) => {
    const { berth } = await withServer();
    const { code, err } = await berth(...argv);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  it('lists the clients, and which of them have a file here', async () => {
    const { berth, files } = await createMachine();
    files[FILE] = '{}';
    const { out } = await berth('connect');
    expect(out).toMatch(/^cursor +Cursor +yes +\/home\/ada\/\.cursor\/mcp\.json$/m);
    expect(out).toMatch(/^zed +Zed +- /m);
    expect((await berth('connect', 'cursor')).err).toContain('there is no server yet');
  });
});

describe('berth import', () => {
  const MCP_JSON = JSON.stringify({
    mcpServers: {
      search: {
        command: 'npx',
        args: ['-y', 'search-mcp@1.0.0'],
        env: { SEARCH_TOKEN: 'canary-token', LANG_CODE: 'en' },
      },
      clock: { command: 'uvx', args: ['mcp-server-time'] },
      mine: { url: 'http://127.0.0.1:8053/servers/time/mcp' },
      local: { command: 'node', args: ['x.js'] },
    },
  });
  const SECRET = '/home/ada/.config/berth/secrets/search.env.SEARCH_TOKEN';

  it('plans first, then runs what can be run and says why the rest cannot', async () => {
    const { berth, files, manager, secrets } = await createMachine();
    files['/home/ada/project/mcp.json'] = MCP_JSON;
    const planned = await berth('import', 'mcp.json', '--dry-run');
    expect(planned.out).toMatch(/^search +search +planned +SEARCH_TOKEN to be kept in/m);
    expect(manager.list()).toEqual([]);
    expect(files[SECRET]).toBeUndefined();

    secrets.readFile = async (path: string) => files[path] ?? '';
    const { code, out } = await berth('import', 'mcp.json');
    expect(code).toBe(1);
    expect(out).toMatch(/^search +search +imported +SEARCH_TOKEN kept in/m);
    expect(out).toMatch(/^clock +clock +imported/m);
    expect(out).toMatch(/^mine +- +skipped +it is a server of this gateway/m);
    expect(out).toMatch(/^local +- +skipped +it starts the local program "node"/m);
    expect(files[SECRET]).toBe('canary-token');
    expect(manager.get('search').spec).toMatchObject({
      source: { npm: { name: 'search-mcp', version: '1.0.0' } },
      env: { LANG_CODE: 'en' },
      secrets: { SEARCH_TOKEN: { fromFile: SECRET } },
    });
    expect(out).not.toContain('canary');
  });

  it('takes references in place of what the file has, and only some of the servers', async () => {
    const { berth, files, manager } = await createMachine();
    files['/home/ada/project/mcp.json'] = MCP_JSON;
    const given = ['--only', 'search', '--secret', 'SEARCH_TOKEN=env:BRAVE'];
    expect((await berth('import', 'mcp.json', ...given)).code).toBe(0);
    expect(files[SECRET]).toBeUndefined();
    expect(manager.get('search').spec?.secrets).toEqual({ SEARCH_TOKEN: { fromEnv: 'BRAVE' } });
    expect((await berth('import', 'mcp.json', '--only', 'none')).code).toBe(1);
    expect((await berth('import', 'gone.json')).err).toContain('cannot be read');
  });
});
