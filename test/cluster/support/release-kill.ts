/** Kills programs in the pods of a release, and counts those that are there: by kubectl, as somebody with the rights would. */
import type { ReleasePod } from './release.ts';
import { runBeside } from './tools.ts';

/** Prints the ids of processes whose program is called node and whose arguments contain $1. */
const FIND = `for d in /proc/[0-9]*; do
  case "$(readlink $d/exe 2>/dev/null)" in */node) ;; *) continue ;; esac
  case "$(tr '\\0' ' ' <$d/cmdline 2>/dev/null)" in *"$1"*) echo "\${d#/proc/}" ;; esac
done`;

/** Node programs of a container, in its own numbers. */
export async function nodesIn(pod: ReleasePod, container: string, argument = ''): Promise<number[]> {
  const text = await inPod(pod, container, ['sh', '-c', FIND, 'find', argument]);
  return text.split('\n').filter(Boolean).map(Number);
}

/** A signal to the one Node program of a container, under its init. */
export async function killNode(
  pod: ReleasePod,
  container: string,
  signal: 'KILL' | 'STOP' = 'KILL',
): Promise<void> {
  const [pid, ...others] = await nodesIn(pod, container);
  if (pid === undefined || others.length > 0)
    throw new Error(`${container} of ${pod.metadata.name} has not one Node program`);
  await inPod(pod, container, ['sh', '-c', 'kill -s "$1" "$2"', 'kill', signal, `${pid}`]);
}

/** How often the container has been started anew. */
export function restartsOf({ status }: ReleasePod, container: string): number {
  return status.containerStatuses?.find(({ name }) => name === container)?.restartCount ?? 0;
}

/** Standard output of a command in one container. */
export function inPod(
  { metadata }: ReleasePod,
  container: string,
  command: readonly string[],
): Promise<string> {
  const where = ['-n', metadata.namespace ?? '', metadata.name ?? '', '-c', container];
  return runBeside('kubectl', ['exec', ...where, '--', ...command]);
}
