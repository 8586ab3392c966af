/** The trap server as an entry for the gateway under test, and waiting for what it has seen. */
import { fileURLToPath } from 'node:url';
import type { McpClient } from './mcp-client.ts';

const main = fileURLToPath(new URL('../fixtures/trap-server/main.ts', import.meta.url));

/** A launch of the trap server; `--exit` makes it end at once with code 3. */
export function trapLaunch(...args: string[]): { file: string; args: string[] } {
  return { file: process.execPath, args: [main, ...args] };
}

export interface TrapState {
  readonly pid: number;
  readonly calls: readonly string[];
  readonly cancelled: readonly string[];
  readonly notified: readonly string[];
  readonly initializes: number;
}

export async function trapState(client: McpClient): Promise<TrapState> {
  return JSON.parse(await client.toolText('state')) as TrapState;
}

/** Asks again, at most 200 times with a short pause, until it is true. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never true: ${what}`);
}

/** Waits until the server has got that many calls of a tool. */
export function untilCalled(client: McpClient, tool: string, times = 1): Promise<void> {
  return until(`${tool} called ${times} times`, async () => {
    const { calls } = await trapState(client);
    return calls.filter((name) => name === tool).length >= times;
  });
}
