import { afterEach, expect, test } from 'vitest';
import { createSession } from '../../bench/clients/create-session.ts';
import { awaitAnswer } from '../../bench/clients/pending.ts';
import { type BenchSession, callBody } from '../../bench/clients/session.ts';
import { type Contestant, ECHO_COMMAND, IDLE_COMMAND, startContestant } from '../../bench/contestants.ts';

const ANSWER_MS = 20_000;
const SAME_ID = 123_456_789;
let contestant: Contestant | undefined;
let sessions: BenchSession[] = [];

afterEach(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await contestant?.close();
  sessions = [];
});

for (const transport of ['http', 'sse', 'ws'] as const) {
  test(`the bare ${transport} pipe gives two sessions that use one id their own answers`, async () => {
    const running = await startContestant('bare', { transport, command: ECHO_COMMAND });
    contestant = running;
    sessions = [0, 1].map(() => createSession(transport, running.target));
    await Promise.all(sessions.map((session) => session.open()));
    const texts = ['first', 'x'.repeat(65_536)];
    const answers = await Promise.all(
      sessions.map((session, at) => {
        const body = callBody('echo', { text: texts[at] ?? '' });
        return awaitAnswer((done) => session.call(SAME_ID, body, done), ANSWER_MS);
      }),
    );
    for (const [at, answer] of answers.entries()) {
      const text = /data: (.*)/.exec(answer.toString())?.[1] ?? answer.toString();
      const result = { content: [{ type: 'text', text: texts[at] }] };
      expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: SAME_ID, result });
    }
  });
}

test('the idle server answers initialize', async () => {
  const running = await startContestant('bare', { transport: 'http', command: IDLE_COMMAND });
  contestant = running;
  sessions = [createSession('http', running.target)];
  for (const session of sessions) await session.open();
});
