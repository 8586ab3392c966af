import { describe, expect, it } from 'vitest';
import { createMachine } from './system-double.ts';

describe('berth secret', () => {
  it('keeps what comes on standard input, in a file or unseen, and a server gets it by reference', async () => {
    const { berth, state, files, host, manager, sent } = await createMachine();
    state.input = 'canary-from-pipe\n';
    expect(await berth('secret', 'set', 'PIPED')).toEqual({
      code: 0,
      out: '',
      err: 'Kept. A server gets it with: --secret PIPED=secret:PIPED\n',
    });
    files['/home/ada/project/key'] = 'canary from a file\r\n';
    expect((await berth('secret', 'set', 'FILED', '--from-file', 'key')).code).toBe(0);
    const run = await berth('run', 'time', '--secret', 'A=secret:PIPED', '--secret', 'B=secret:FILED');
    expect(run.code).toBe(0);
    expect(host.defined.get(manager.get('time').id)).toMatchObject({
      launch: { env: { A: 'canary-from-pipe', B: 'canary from a file' } },
      secrets: ['canary-from-pipe', 'canary from a file'],
    });
    const shown = [
      run.out,
      run.err,
      (await berth('secret', 'ls')).out,
      (await berth('get', 'time', '-o', 'json')).out,
    ];
    expect(shown.join()).not.toContain('canary');
    expect(sent.map(({ url }) => url).join()).not.toContain('canary');
    expect((await berth('secret', 'ls')).out).toMatch(
      /^NAME +CHANGED +USED BY\nFILED +\S+ +time\nPIPED +\S+ +time\n$/,
    );
  });

  it('asks in a terminal', async () => {
    const { berth, state } = await createMachine({ interactive: true });
    state.typed = ['typed'];
    expect((await berth('secret', 'set', 'TOKEN')).code).toBe(0);
    expect(state.questions).toEqual(['Value of TOKEN: ']);
    expect((await berth('secret', 'set', 'TOKEN')).code).toBe(130);
  });

  it('forgets one that nobody uses, or that is forced', async () => {
    const { berth, state } = await createMachine();
    state.input = 'x';
    await berth('secret', 'set', 'TOKEN');
    await berth('run', 'time', '--secret', 'A=secret:TOKEN');
    expect(await berth('secret', 'rm', 'TOKEN')).toMatchObject({
      code: 1,
      err: expect.stringContaining('TOKEN is used by time'),
    });
    expect((await berth('secret', 'rm', 'TOKEN', '--force')).code).toBe(0);
    expect((await berth('secret', 'rm', 'TOKEN')).err).toContain('there is no secret "TOKEN"');
    await berth('stop', 'time');
    expect((await berth('start', 'time', '--wait')).err).toContain('berth secret set TOKEN');
  });

  it.each([
    ['../escape', 'x'],
    ['9lives', 'x'],
    ['EMPTY', ''],
    ['NUL', 'a\0b'],
    ['LONG', 'x'.repeat(70_000)],
  ])('refuses %s', async (name, value) => {
    const { berth, state } = await createMachine();
    state.input = value;
    expect((await berth('secret', 'set', name)).code).toBe(1);
    expect((await berth('secret', 'ls', '-o', 'name')).out).toBe('');
  });
});
