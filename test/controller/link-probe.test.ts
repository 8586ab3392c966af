import { expect, it } from 'vitest';
import type { Pod } from '../../src/cluster/objects/pod-types.ts';
import { createLinkProbe } from '../../src/controller/link-probe.ts';
import { BerthError } from '../../src/errors.ts';
import type { Link } from '../../src/link/link.ts';

const signal = new AbortController().signal;
const pod = (uid: string): Pod => ({
  metadata: { name: uid, uid, labels: { 'berth.dev/server-uid': 'server' } },
});

function probeOf(answers: Readonly<Record<string, unknown>>) {
  const opened: string[] = [];
  const closed: string[] = [];
  const open = (current: () => Pod): Link => {
    const { uid = '' } = current().metadata;
    opened.push(uid);
    return {
      conversation: () => {
        throw new Error('nothing is called');
      },
      ask: async ({ what }) => {
        const answer = answers[uid];
        if (answer === undefined) throw new BerthError('busy', 'no answer');
        // A supervisor of before has nothing but its list.
        if (Array.isArray(answer) && what !== 'sessions') throw new BerthError('internal', 'not known');
        return answer;
      },
      close: async () => void closed.push(uid),
    };
  };
  return { probe: createLinkProbe({ open, now: () => 10_000 }), opened, closed };
}

it('tells what a replica says of itself, with times that count here', async () => {
  const failure = { code: 'start-failed', message: 'no', hint: 'h', phase: 'handshake', stderr: ['x'] };
  const handshake = {
    protocolVersion: '2025-11-25',
    serverInfo: { name: 'search', version: '1' },
    eras: ['legacy', 'modern'],
    tools: ['find'],
    capabilities: ['tools', 'logging'],
    spawnMs: 3,
    handshakeMs: 4,
  };
  const { probe } = probeOf({
    well: {
      state: 'ready',
      sessions: 2,
      processes: 3,
      inUse: true,
      idleMs: 500,
      handshake,
      check: { ageMs: 2_000, ms: 40, failures: 1 },
    },
    unwell: { state: 'failing', sessions: 0, processes: 0, inUse: false, failure },
  });
  expect(await probe.report(pod('well'), signal)).toEqual({
    sessions: 2,
    processes: 3,
    inUse: true,
    lastActivity: 9_500,
    eras: ['legacy', 'modern'],
    protocolVersion: '2025-11-25',
    serverInfo: { name: 'search', version: '1' },
    tools: ['find'],
    capabilities: ['tools', 'logging'],
    check: { at: 8_000, ms: 40, failures: 1 },
  });
  expect(await probe.report(pod('unwell'), signal)).toEqual({
    sessions: 0,
    processes: 0,
    inUse: false,
    failure,
  });
});

it('counts the clients of a replica of before, and knows when the last of them spoke', async () => {
  const { probe, opened } = probeOf({
    a: [
      { kind: 'session', idleMs: 4_000 },
      { kind: 'modern', idleMs: 1_000 },
      { kind: 'process', idleMs: 0 },
    ],
    b: [],
  });
  expect(await probe.report(pod('a'), signal)).toEqual({ sessions: 2, lastActivity: 9_000 });
  expect(await probe.report(pod('b'), signal)).toEqual({ sessions: 0 });
  await probe.report(pod('a'), signal);
  expect(opened).toEqual(['a', 'b']);
});

it('says nothing of a replica that does not answer, and drops links with their pods', async () => {
  const { probe, closed } = probeOf({ a: [] });
  expect(await probe.report(pod('silent'), signal)).toBeUndefined();
  await probe.report(pod('a'), signal);
  probe.keepOnly([pod('a')]);
  expect(closed).toEqual(['silent']);
  await probe.close();
  expect(closed).toEqual(['silent', 'a']);
});
