import { expect, test } from 'vitest';
import { HttpSession } from '../../bench/clients/http-session.ts';
import { descendants, residentKib } from '../../bench/proc.ts';
import { type Installation, startInMemory, startOverSocket } from '../../bench/programs/installations.ts';

async function openOne({ target, pids }: Installation): Promise<{ status: number; servers: number[] }> {
  const session = new HttpSession(target);
  await session.open();
  const status = await session.openStream();
  const servers = pids.flatMap((pid) => descendants(pid));
  await session.close();
  return { status, servers };
}

test.each([
  { shape: 'over a socket', start: startOverSocket, programs: 2, servers: 1 },
  { shape: 'in memory', start: startInMemory, programs: 1, servers: 0 },
])(
  'Berth $shape serves sessions with standalone streams and leaves nothing behind',
  async ({ start, programs, servers }) => {
    const installation = await start();
    try {
      expect(installation.pids).toHaveLength(programs);
      const opened = await openOne(installation);
      expect(opened.status).toBe(200);
      expect(opened.servers).toHaveLength(servers);
    } finally {
      await installation.close();
      await installation.close();
    }
    for (const pid of installation.pids) expect(residentKib(pid)).toBeUndefined();
  },
);
