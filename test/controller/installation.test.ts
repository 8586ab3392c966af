/** Where an installation stands, by what is seen of its Jobs and their pods. */
import { expect, it } from 'vitest';
import { installationOf, installInput, sourceHash } from '../../src/controller/installation.ts';

const source = { ecosystem: 'npm', name: 'x', version: '1.0.0' } as never;
const AT = 1_000_000;
const job = {
  metadata: {
    ...{ name: 'j', uid: 'J' },
    labels: { 'berth.dev/install-input': installInput(source, 'r'), 'berth.dev/install-attempt': '0' },
  },
  spec: {},
  status: {
    conditions: [{ type: 'Complete', status: 'True', lastTransitionTime: new Date(AT).toISOString() }],
  },
};
const podWith = (state: object) => ({
  metadata: { name: 'j-1', ownerReferences: [{ uid: 'J' }] },
  status: { containerStatuses: [{ name: 'i', state }] },
});
const stateAt = (now: number, state: object) =>
  installationOf({ jobs: [job], installers: [podWith(state)], pods: [], lost: [] } as never, {
    ...{ source, asked: sourceHash(source), runner: 'r', now },
  });

it('a Job that is complete before its pod is seen to have ended has not failed', () => {
  expect(stateAt(AT + 10, { running: {} })).toEqual({ state: 'running', attempt: 0 });
  expect(stateAt(AT + 60_000, { running: {} })).toEqual({ state: 'running', attempt: 1 });
  expect(stateAt(AT + 10, { terminated: { message: 'no tree' } })).toMatchObject({ state: 'failed' });
});
