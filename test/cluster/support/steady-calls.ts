/** Sessions on every transport that call one after the other until they are told to end; each answer is looked at. */
import { expect } from 'vitest';
import type { McpClient } from '../../support/mcp-client.ts';
import { session, TRANSPORTS } from '../../support/transports.ts';

const EACH = 2;
/** Milliseconds between an answer and the next call. */
const PAUSE = 20;

export interface SteadyCalls {
  /** Milliseconds of the calls since it was asked last. */
  take(): number[];
  /** Rejects with the first call that failed. */
  end(): Promise<void>;
}

/** Of the small server. */
export async function startCalls(gateway: string, server: string): Promise<SteadyCalls> {
  const base = `${gateway}/servers/${server}`;
  const transports = TRANSPORTS.flatMap((transport) => Array.from({ length: EACH }, () => transport));
  const clients = await Promise.all(transports.map((transport) => session(transport, base)));
  let going = true;
  let times: number[] = [];
  const call = async (client: McpClient, index: number): Promise<void> => {
    const key = `session-${index}`;
    await client.toolText('remember', { text: key });
    while (going) {
      const sent = performance.now();
      expect(JSON.parse(await client.toolText('whoami'))).toMatchObject({ remembered: key });
      times.push(performance.now() - sent);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  };
  const running = Promise.all(clients.map(call));
  // It is told at the end.
  running.catch(() => {});
  return {
    take: () => {
      const taken = times;
      times = [];
      return taken;
    },
    end: async () => {
      going = false;
      await running;
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
