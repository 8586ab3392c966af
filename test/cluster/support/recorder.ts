/** The server that writes down every execution, as a server of a release, and looks at what it has written. */
import { readFileSync } from 'node:fs';
import type { McpClient } from '../../support/mcp-client.ts';

const code = readFileSync(new URL('../../fixtures/processes/recorder.mjs', import.meta.url), 'utf8');

/** Its specification over the API; `more` are further members. */
export function recorderSpec(name: string, more: Readonly<Record<string, unknown>> = {}) {
  return { name, source: { script: { runtime: 'node' as const, code } }, ...more };
}

export interface Recorded {
  readonly pid: number;
  readonly executions: readonly string[];
  readonly cancelled: readonly unknown[];
}

let looks = 0;

/** What the server of this client's session, and all others of its pod, have executed. */
export async function recorded(client: Pick<McpClient, 'request'>): Promise<Recorded> {
  // Under an id of its own: a session keeps the answers to those that it knows.
  const { message, text } = await client.request(`"look-${++looks}"`, 'tools/call', { name: 'executions' });
  const [first] = (message.result?.content ?? []) as { text: string }[];
  if (!first) throw new Error(`no executions in ${text.slice(0, 300)}`);
  return JSON.parse(first.text) as Recorded;
}

/** How often each key was executed, those that never were included. */
export function timesOf(executions: readonly string[], keys: readonly string[]): Record<string, number> {
  const times = Object.fromEntries(keys.map((key) => [key, 0]));
  for (const key of executions) if (key in times) times[key] = (times[key] ?? 0) + 1;
  return times;
}
