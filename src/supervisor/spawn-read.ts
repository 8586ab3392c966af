/** Has `berth-spawn` run a small program of ours in the workload's container, and gives what it says. */
import type { Clock } from '../clock.ts';
import type { Launch } from './launch.ts';
import { spawnOver } from './spawn-client.ts';

const GRACES = { eof: 1_000, term: 1_000 };
/** Milliseconds until it must have ended. */
const LIMIT = 15_000;
const MOST_BYTES = 1024 * 1024;

/** Its standard output. Rejects when it cannot be started, takes too long, says too much, or may still run. */
export async function readProgram(
  launch: Launch,
  { socket, clock }: { readonly socket: string; readonly clock: Clock },
): Promise<string> {
  const { input, output, control } = await spawnOver(launch, { socket, graces: GRACES, clock });
  const late = clock.after(LIMIT, () => output.destroy(new Error(`${launch.file} does not end`)));
  input.end();
  control.stderr.resume();
  let text: string;
  let isOver = false;
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of output as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) throw new Error(`${launch.file} says too much`);
      chunks.push(chunk);
    }
    text = Buffer.concat(chunks).toString('utf8');
  } catch (thrown) {
    control.send('kill');
    throw thrown;
  } finally {
    late();
    // What still runs of it then ends with its connection. The helper itself may be held up: it runs in a container that nobody trusts.
    const stuck = clock.after(LIMIT, () => control.end({ kind: 'lost' }));
    isOver = await control.over;
    stuck();
    for (const stream of [input, output]) stream.destroy();
  }
  if (!isOver) throw new Error(`${launch.file} may still run`);
  return text;
}
