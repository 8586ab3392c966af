import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import {
  createExecCarrier,
  type ExecCarrierOptions,
  type JoinTarget,
} from '../../src/cluster/exec-carrier.ts';
import { CHANNEL, V4, V5 } from '../../src/cluster/exec-frames.ts';
import type { Link } from '../../src/link/link.ts';
import { createLinkServer } from '../../src/link/link-server.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { listenUnixSocket } from '../../src/link/unix-socket.ts';
import { linkContract } from '../contract/link.ts';
import { until } from '../link/waiting.ts';
import { joinTo } from './join-program.ts';
import { refusal, StandInApi } from './stand-in-api.ts';

const TARGET: JoinTarget = { namespace: 'demo', pod: 'web-1', container: 'supervisor', socket: '/run/link' };

for (const protocol of [V5, V4]) {
  linkContract(`exec, ${protocol}`, async (host) => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-exec-'));
    const path = join(folder, 'socket');
    const server = createLinkServer(host);
    const listener = await listenUnixSocket(path, (stream) => server.serve(stream));
    const api = await StandInApi.start();
    api.protocols = [protocol];
    api.onExec = (peer) => joinTo(createConnection({ path }), peer);
    const carrier = createExecCarrier({ access: api.access() });
    const links: Link[] = [];
    return {
      link: () => {
        const instance = `gateway-${links.length}`;
        const link = createSocketLink({ connect: (signal) => carrier.connect(TARGET, signal), instance });
        links.push(link);
        return link;
      },
      close: async () => {
        await Promise.all(links.map((link) => link.close()));
        await server.close();
        listener.close();
        await api.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
}

describe('the exec carrier', () => {
  let api: StandInApi;
  let clock: ManualClock;
  const ends: unknown[][] = [];
  const never = new AbortController().signal;

  const carrier = (options: Partial<ExecCarrierOptions> = {}) =>
    createExecCarrier({ access: api.access(), clock, onEnd: (...end) => ends.push(end), ...options });

  beforeEach(async () => {
    api = await StandInApi.start();
    clock = new ManualClock();
    ends.length = 0;
  });
  afterEach(() => api.close());

  it('joins the socket by the one constant command', async () => {
    const stream = await carrier().connect(TARGET, never);
    const other = await carrier().connect({ ...TARGET, program: '/opt/join' }, never);
    expect(api.requests.map(({ url }) => url.searchParams.getAll('command'))).toEqual([
      ['/berth/bin/berth-spawn', 'join', '--socket', '/run/link'],
      ['/opt/join', 'join', '--socket', '/run/link'],
    ]);
    stream.destroy();
    other.destroy();
  });

  it('tells why an exec ended, with what it said last', async () => {
    api.onExec = (peer) => {
      peer.say(CHANNEL.stderr, 'join: /run/link: no such file\n');
      peer.exit(1);
    };
    (await carrier().connect(TARGET, never)).resume();
    await until('the end', () => ends.length > 0);
    expect(ends).toEqual([[TARGET, 'the command ended with exit code 1', ['join: /run/link: no such file']]]);
  });

  it('is silent about execs that it ended itself', async () => {
    const stream = await carrier().connect(TARGET, never);
    await until('the exec', () => api.peers.length > 0);
    stream.destroy();
    await until('the end', () => api.peers[0]?.closed === true);
    expect(ends).toEqual([]);
  });

  it('leaves an API server alone for as long as it asks, for every pod', async () => {
    api.refuse = (socket) => {
      socket.end(refusal(429, { 'retry-after': '5' }, 'later'));
      return true;
    };
    const one = carrier();
    await expect(one.connect(TARGET, never)).rejects.toMatchObject({ code: 'busy' });
    api.refuse = () => false;
    const waiting = one.connect({ ...TARGET, pod: 'web-2' }, never);
    clock.advance(4_999);
    expect(api.requests).toHaveLength(1);
    clock.advance(1);
    (await waiting).destroy();
    expect(api.requests).toHaveLength(2);
  });

  it('lets whoever waits give up', async () => {
    api.refuse = (socket) => {
      socket.end(refusal(503, { 'retry-after': '9999' }, 'later'));
      return true;
    };
    const one = carrier();
    await expect(one.connect(TARGET, never)).rejects.toMatchObject({ code: 'busy' });
    const asking = new AbortController();
    const waiting = one.connect(TARGET, asking.signal);
    asking.abort(new Error('closing'));
    await expect(waiting).rejects.toThrow('closing');
    const patient = one.connect(TARGET, never);
    api.refuse = () => false;
    await Promise.resolve();
    clock.advance(30_000);
    (await patient).destroy();
  });

  it('opens fifty at once, and the next when one is through', async () => {
    const held: { resume: () => void }[] = [];
    let asked = 0;
    const slow = {
      ...api.access(),
      credentials: () => {
        asked++;
        return new Promise<{ headers: object; tls: object }>((resolve) =>
          held.push({ resume: () => resolve({ headers: {}, tls: {} }) }),
        );
      },
    } as ExecCarrierOptions['access'];
    const one = carrier({ access: slow });
    const opening = Array.from({ length: 60 }, () => one.connect(TARGET, never));
    await until('the first fifty', () => asked === 50);
    held.shift()?.resume();
    await until('the next', () => asked === 51);
    const release = setInterval(() => {
      for (const one of held.splice(0)) one.resume();
    }, 1);
    for (const stream of await Promise.all(opening)) stream.destroy();
    clearInterval(release);
    expect(asked).toBe(60);
  });
});
