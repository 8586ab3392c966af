import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createMachine } from './system-double.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

describe('berth --version', () => {
  it('says what runs here, and why there is no gateway', async () => {
    const { berth } = await createMachine({ gateway: false });
    const first = `berth ${version}\nnode ${process.versions.node} (${process.platform} ${process.arch})\n`;
    expect(await berth('--version')).toEqual({
      code: 0,
      out: `${first}gateway: there is no gateway at http://127.0.0.1:8053\n`,
      err: '',
    });
  });

  it('asks the gateway of the context, wherever the flag stands, whether it is well or not', async () => {
    const { berth, sent, system } = await createMachine();
    await berth('context', 'set', 'prod', '--url', 'https://berth.example.com/base');
    const health = { version: '9.9.9', runtime: 'kubernetes', status: 'degraded' };
    Object.assign(system, {
      fetch: async (input: string) => {
        sent.push({ url: String(input), headers: new Headers() });
        return Response.json(health, { status: 503 });
      },
    });
    for (const argv of [
      ['--context', 'prod', '-V'],
      ['-V', '--context', 'prod'],
    ]) {
      const { code, out } = await berth(...argv);
      expect(code).toBe(0);
      expect(out).toContain('gateway 9.9.9 (kubernetes) at https://berth.example.com/base\n');
    }
    expect(sent.at(-1)?.url).toBe('https://berth.example.com/base/api/v1/health');
    const { out } = await berth('--version', '--context', 'prod', '-o', 'json');
    expect(JSON.parse(out)).toMatchObject({ berth: version, gateway: { version: '9.9.9' } });
  });

  it('is no version where it is an argument of a server', async () => {
    const { berth, manager } = await createMachine();
    expect((await berth('run', 'time', '--', '--version')).code).toBe(0);
    expect(manager.get('time').spec?.args).toEqual(['--version']);
    expect((await berth('--version', '-o', 'xml')).code).toBe(1);
  });
});

describe('berth up and down', () => {
  it('start a gateway in the background with settings, and end it', async () => {
    const { berth, state } = await createMachine();
    const up = await berth('up', '-d', '--port', '9000', '--cors=false');
    expect(up).toEqual({
      code: 0,
      out: 'Berth listens on https://berth.example.com (pid 4711), until: berth down\nIts log: /data/gateway.log\nNext: berth run everything · berth templates · berth ls\n',
      err: '',
    });
    expect(state.flags).toEqual([['--port', '9000', '--cors=false']]);
    expect(await berth('down')).toMatchObject({ code: 0, out: 'The gateway (pid 4711) has ended.\n' });
    expect(await berth('down', '-o', 'json')).toMatchObject({ code: 0, out: '{"state":"none"}\n' });
  });

  it('up without more stays in the foreground', async () => {
    const { berth, state, signals, signal } = await createMachine();
    const running = berth('up', '--log-level', 'warn');
    while (signals.size === 0) await new Promise((resolve) => setImmediate(resolve));
    signal();
    expect(await running).toMatchObject({ code: 0, out: expect.stringContaining('Berth listens on') });
    expect([state.flags, state.closed]).toEqual([[['--log-level', 'warn']], 1]);
  });
});

describe('berth doctor on a machine', () => {
  const doctor = async ({ berth }: Awaited<ReturnType<typeof createMachine>>) => {
    const { code, out } = await berth('doctor');
    return { code, first: out.split('\n').slice(0, 2) };
  };

  it('says whether a gateway runs, and whether it answers', async () => {
    const machine = await createMachine();
    expect((await doctor(machine)).first[0]).toBe(
      '✓ gateway of this machine: none runs with the data folder /data; start it: berth up --detach',
    );
    await machine.berth('up', '-d');
    Object.assign(machine.system, { fetch: async () => new Response('ok') });
    expect(await doctor(machine)).toMatchObject({
      first: [
        '✓ gateway of this machine: it serves: 1.2.3 (pid 4711) at https://berth.example.com since 2026-11-26T00:00:00.000Z',
        '✓ limits of servers: memory and cpu of their processes can be limited',
      ],
    });
    machine.state.up = false;
    Object.assign(machine.system, { fetch: () => Promise.reject(new TypeError('fetch failed')) });
    expect(await doctor(machine)).toMatchObject({
      code: 5,
      first: [
        expect.stringMatching(/^✗ .* it does not answer/),
        expect.stringContaining('/data/gateway.log'),
      ],
    });
  });

  it('says what of a server cannot be limited, by the gateway that runs or by one that is started from here', async () => {
    const machine = await createMachine();
    const lack = { reason: 'there is no cpu controller', fix: 'Add one.' };
    machine.state.limits = [{ resource: 'memory' }, { resource: 'cpu', lack }];
    const said = async () =>
      (await machine.berth('doctor')).out.split('\n').filter((line) => /limit|fix/.test(line));
    expect(await said()).toEqual([
      '✓ limits of servers: memory of their processes can be limited',
      '! limits of servers: cpu cannot be limited: there is no cpu controller',
      '  fix: Needed only for servers with resources.limits. Add one.',
    ]);
    machine.state.limits = [
      { resource: 'memory', lack },
      { resource: 'cpu', lack },
    ];
    await machine.berth('up', '-d');
    Object.assign(machine.system, { fetch: async () => new Response('ok') });
    expect(await said()).toEqual([
      '! limits of servers: memory and cpu cannot be limited: there is no cpu controller',
      '  fix: Needed only for servers with resources.limits. Add one.',
    ]);
    expect(machine.state.limitsOf).toEqual([undefined, 4711]);
    expect((await machine.berth('doctor')).code).toBe(0);
  });

  it.each([
    ['stale', 'has died without clearing up'],
    ['starting', 'is starting'],
  ] as const)('tells of one that is %s', async (state, words) => {
    const machine = await createMachine();
    machine.state.local = { ...machine.state.local, state, pid: 12 };
    expect((await doctor(machine)).first[0]).toContain(words);
  });
});
