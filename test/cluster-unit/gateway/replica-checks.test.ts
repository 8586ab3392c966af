/** Health checks that replicas make when the gateway asks them. */
import { expect, it } from 'vitest';
import { checkReplicas } from '../../../src/cluster/gateway/replica-checks.ts';
import { BerthError } from '../../../src/errors.ts';
import type { LinkQuestion } from '../../../src/link/question.ts';

const healthy = { over: true, check: { ageMs: 5, ms: 60, failures: 0 } };
const failing = {
  ...{ over: true, check: { ageMs: 0, ms: 30, failures: 1 } },
  failure: { code: 'start-failed', message: 'config is broken', hint: 'Read its log.', exitCode: 5 },
};
const under = { over: false };

type Answer = object | null | BerthError;

/** Replicas that answer these, one after the other; the last one again and again. */
function replicas(
  answers: readonly (readonly Answer[])[],
  state: object = { running: true, leaving: false },
) {
  const asked: LinkQuestion[] = [];
  const links = answers.map((own) => {
    let at = 0;
    return {
      ask: async (question: LinkQuestion) => {
        asked.push(question);
        const answer = own[Math.min(at++, own.length - 1)];
        if (answer instanceof BerthError) throw answer;
        return answer;
      },
    };
  });
  return {
    asked,
    table: {
      of: () => links.map((_, index) => ({ name: `uid-${index}`, ...state })),
      replica: (_server: string, name: string) => links[Number(name.slice(4))],
    } as never,
  };
}

it('all replicas are asked, until their checks are over', async () => {
  const { table, asked } = replicas([[under, under, healthy], [healthy]]);
  expect(await checkReplicas(table, 's')).toMatchObject({
    health: 'healthy',
    lastCheck: { ms: 60, failures: 0 },
  });
  expect(asked).toHaveLength(4);
  expect(asked[0]).toEqual({ what: 'check', server: 's' });
});

it('what one of them has found wrong is told', async () => {
  expect(await checkReplicas(replicas([[healthy], [under, failing]]).table, 's')).toMatchObject({
    ...{ health: 'unhealthy', message: 'config is broken', hint: 'Read its log.' },
    ...{ failure: { exitCode: 5 }, lastCheck: { failures: 1 } },
  });
});

it.each([
  ['there is none', []],
  ['none can be asked just now', [[new BerthError('busy', 'the link is down')]]],
  ['it is of before and does not know the question', [[new BerthError('internal', 'what?')]]],
  ['it is not its server', [[null]]],
  ['it never comes to an end', [[under]]],
])('nothing is told where %s', async (_why, answers) => {
  expect(await checkReplicas(replicas(answers).table, 's')).toBeUndefined();
});

it('one that is about to go is not asked', async () => {
  const { table, asked } = replicas([[failing]], { running: true, leaving: true });
  expect(await checkReplicas(table, 's')).toBeUndefined();
  expect(asked).toEqual([]);
});
