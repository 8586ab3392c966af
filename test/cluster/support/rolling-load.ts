/** Calls on and on while gateways are replaced, by clients that repeat a POST whose connection broke. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { requestText } from '../../support/mcp-client.ts';
import type { ModernHttpClient } from '../../support/modern-client.ts';
import type { StreamableClient } from '../../support/streamable-client.ts';
import { type Recorded, recorded } from './recorder.ts';
import { steady } from './release.ts';

/** Milliseconds that the server takes for a call, and for every fifth one. */
const [QUICK, SLOW] = [5, 500];
/** Of one POST, 50 ms apart at least. */
const TRIES = 100;

export interface Load {
  /** Rejects with the first call that had another answer than its own. */
  end(): Promise<LoadReport>;
}

export interface LoadReport {
  /** Of every call: each is in its arguments. */
  readonly keys: readonly string[];
  /** POSTs that were sent again, as their connection was refused or broke. */
  readonly repeats: number;
  /**
   * Calls that were in flight as their connection broke: the server had them already. A connection that is refused, or that is closed
   * before its request was read, is none.
   */
  readonly cut: readonly string[];
  /** Milliseconds from the first POST of a call to its answer, at worst. */
  readonly longest: number;
}

export interface Callers {
  /** Sessions of the recorder. */
  readonly sessions: readonly StreamableClient[];
  readonly modern?: readonly ModernHttpClient[];
}

/** What a session's server has executed, asked again while its gateway is replaced. */
export function look(client: StreamableClient): Promise<Recorded> {
  return steady('a look at a session', () => recorded(client).catch(() => undefined));
}

/** `run` tells the keys of this load from those of others. */
export function startLoad(run: string, { sessions, modern = [] }: Callers): Load {
  const report = { keys: [] as string[], repeats: 0, cut: [] as string[], longest: 0 };
  let going = true;
  /** `ask` gives the text of the answer; undefined: the connection was refused or broke. */
  type Ask = (call: { readonly key: string; readonly ms: number }) => Promise<string | undefined>;
  const callOn = async (watcher: StreamableClient, name: string, ask: Ask): Promise<void> => {
    for (let at = 0; going; at++) {
      const key = `${run}-${name}-${at}`;
      report.keys.push(key);
      const sent = performance.now();
      let answer: string | undefined;
      for (let tries = 1; answer === undefined; tries++) {
        answer = await ask({ key, ms: at % 5 === 0 ? SLOW : QUICK });
        if (answer !== undefined) break;
        if ((await look(watcher)).executions.includes(key)) report.cut.push(key);
        report.repeats++;
        expect([key, tries < TRIES]).toEqual([key, true]);
        await sleep(50);
      }
      expect(answer).toBe(key);
      report.longest = Math.max(report.longest, performance.now() - sent);
    }
  };
  const load = [
    ...sessions.map((one, index) => callOn(one, `${index}`, ({ key, ms }) => sessionCall(one, key, ms))),
    ...modern.map((one, index) => {
      const [watcher] = sessions;
      if (!watcher) throw new Error('a session is needed that looks');
      return callOn(watcher, `modern-${index}`, ({ key, ms }) => modernCall(one, key, ms));
    }),
  ];
  const running = Promise.all(load);
  // It is told at the end.
  running.catch(() => {});
  return {
    end: async () => {
      going = false;
      await running;
      return report;
    },
  };
}

interface Content {
  readonly content?: readonly { readonly text: string }[];
}

async function sessionCall(client: StreamableClient, key: string, ms: number): Promise<string | undefined> {
  const text = requestText(`"${key}"`, 'tools/call', { name: 'record', arguments: { key, ms } });
  const status = await client.send(text).catch(() => 0);
  if (status === 0) return undefined;
  expect({ key, status, told: status === 200 ? [] : toldBy(client) }).toEqual({ key, status: 200, told: [] });
  const { message } = await client.inbox.answer(`"${key}"`);
  return (message.result as Content | undefined)?.content?.[0]?.text ?? JSON.stringify(message);
}

/** Why a call was refused, in the words of whoever did; they are there with the status. Its id may have been lost on the way. */
function toldBy({ inbox }: StreamableClient): unknown[] {
  return inbox.drain(({ message }) => message.error !== undefined).map(({ message }) => message.error);
}

async function modernCall(client: ModernHttpClient, key: string, ms: number): Promise<string | undefined> {
  const call = client.start('tools/call', { name: 'record', arguments: { key, ms } });
  const received = await call.answer().catch(() => undefined);
  if (!received) return undefined;
  const { message } = received;
  return (message.result as Content | undefined)?.content?.[0]?.text ?? JSON.stringify(message);
}
