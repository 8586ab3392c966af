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
  const open = ({ metadata: { uid = '' } }: Pod): Link => {
    opened.push(uid);
    return {
      conversation: () => {
        throw new Error('nothing is called');
      },
      ask: async () => {
        if (answers[uid] === undefined) throw new BerthError('busy', 'no answer');
        return answers[uid];
      },
      close: async () => void closed.push(uid),
    };
  };
  return { probe: createLinkProbe({ open, now: () => 10_000 }), opened, closed };
}

it('counts the clients of a replica, and knows when the last of them spoke', async () => {
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
