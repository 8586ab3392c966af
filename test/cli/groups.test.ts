import { describe, expect, it } from 'vitest';
import { createMachine } from './system-double.ts';

const URL = 'http://127.0.0.1:8053/groups/work/mcp';

async function start() {
  const machine = await createMachine();
  await machine.berth('run', 'time');
  await machine.berth('run', 'everything');
  return machine;
}

describe('berth group', () => {
  it('makes a group, shows it and removes it', async () => {
    const { berth } = await start();
    const made = await berth(
      ...[
        'group',
        'create',
        'work',
        'time',
        'everything',
        '--prefix',
        'time=t_',
        '--tools',
        'everything=echo,get_*',
      ],
      ...['--title', 'For work'],
    );
    expect(made).toEqual({ code: 0, err: '', out: `work has 2 servers\n  ${URL}\n` });
    expect((await berth('group', 'ls')).out.split('\n')).toEqual([
      'NAME   SERVERS            URL',
      `work   time, everything   ${URL}`,
      '',
    ]);
    expect((await berth('group', 'get', 'work')).out.split('\n')).toEqual([
      URL,
      '',
      'SERVER       STATE     PREFIX         TOOLS',
      'time         running   t_             all',
      'everything   running   everything__   echo, get_*',
      '',
    ]);
    expect((await berth('group', 'rm', 'work')).code).toBe(0);
    expect((await berth('group', 'ls', '-o', 'json')).out).toBe('[]\n');
    expect((await berth('group', 'get', 'work')).err).toContain('berth group ls');
  });

  it('lists the tools that its clients see, and names servers that do not answer', async () => {
    const { berth, peer } = await start();
    peer.answers.set('tools/list', async ({ server }) =>
      server === 'time'
        ? { error: { code: -32603, message: 'broken' } }
        : { result: { tools: [{ name: 'echo', description: 'Says it again.\nMore.' }] } },
    );
    await berth('group', 'create', 'work', 'time', 'everything');
    expect(await berth('group', 'tools', 'work')).toEqual({
      code: 0,
      out: 'TOOL               DESCRIPTION\neverything__echo   Says it again.\n',
      err: '! time: time answers: broken\n',
    });
  });

  it('reads a group from a file, and replaces one when that is wanted', async () => {
    const { berth, files } = await start();
    files['work.yaml'] = 'name: work\nservers:\n  - time\n  - server: everything\n    prefix: e_\n';
    expect((await berth('group', 'create', '-f', 'work.yaml', '-o', 'name')).out).toBe('work\n');
    expect((await berth('group', 'create', 'work', 'time')).code).toBe(1);
    const replaced = await berth('group', 'create', 'work', 'time', '--replace', '-o', 'json');
    expect(JSON.parse(replaced.out)).toMatchObject({ servers: [{ server: 'time' }] });
    files['bad.yaml'] = '{';
    expect((await berth('group', 'create', '-f', 'bad.yaml')).err).toContain('neither YAML nor JSON');
    expect((await berth('group', 'create', '-f', 'none.yaml')).err).toContain('cannot be read');
  });

  it('tells clients of a group what they are told of a server', async () => {
    const { berth } = await start();
    expect((await berth('connect', 'cursor', '--group')).err).toContain('berth group create');
    await berth('group', 'create', 'work', 'time');
    for (const names of [['work'], []]) {
      const { code, out } = await berth('connect', 'cursor', ...names, '--group');
      expect([code, JSON.parse(out)]).toEqual([0, { mcpServers: { work: { url: URL } } }]);
    }
    expect((await berth('connect', 'cursor', 'work')).err).toContain('no server "work"');
    expect((await berth('connect', 'cursor', 'nobody', '--group')).err).toContain('no group "nobody"');
  });

  it.each([
    [['work'], /at least one server/],
    [['work', 'time', '--prefix', 'git=g_'], /git is none of the servers/],
    [['work', 'time', '--tools', 'time'], /--tools needs server=tool/],
    [['work', 'nobody'], /no server nobody/],
  ])('refuses %j', async (argv, message) => {
    const { berth } = await start();
    const { code, err } = await berth('group', 'create', ...argv);
    expect([code, err]).toEqual([1, expect.stringMatching(message)]);
  });
});
