/** Looks at the processes of a container, and kills them: shell only, as images have little else. */
import type { RunningPod } from './server-pod.ts';

/** Prints the ids of processes whose program ends with $1 and whose arguments contain $2. */
const FIND = `for d in /proc/[0-9]*; do
  [ "\${d#/proc/}" = "$$" ] && continue
  case "$(readlink $d/exe 2>/dev/null)" in *"$1") ;; *) continue ;; esac
  case "$(tr '\\0' ' ' <$d/cmdline 2>/dev/null)" in *"$2"*) echo "\${d#/proc/}" ;; esac
done`;

/** Ids of the processes of a container, in its own numbers. */
export async function pidsOf(
  pod: Pick<RunningPod, 'run'>,
  container: string,
  { program, argument = '' }: { readonly program: string; readonly argument?: string },
): Promise<number[]> {
  const text = await pod.run(container, ['sh', '-c', FIND, 'find', program, argument]);
  return text.split('\n').filter(Boolean).map(Number);
}

/** SIGKILL to one process. */
export async function killIn(pod: RunningPod, container: string, pid: number): Promise<void> {
  await pod.run(container, ['sh', '-c', 'kill -9 "$1"', 'kill', `${pid}`]);
}
