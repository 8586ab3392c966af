/** What runs in the pods of a release, read with a shell in their containers. */
import type { ReleasePod } from '../../test/cluster/support/release.ts';
import { runBeside } from '../../test/cluster/support/tools.ts';

/** One process a line: resident KiB, and its command line. The shell that looks is left out. */
const LOOK = `for d in /proc/[0-9]*; do
  [ "\${d#/proc/}" = "$$" ] && continue
  kib=$(sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' $d/status 2>/dev/null)
  [ -n "$kib" ] && echo "$kib $(tr '\\0' ' ' <$d/cmdline 2>/dev/null)"
done`;

export interface PodProcess {
  readonly kib: number;
  readonly command: string;
}

/** Processes of a container whose command line contains the text. */
export async function processesIn(pod: ReleasePod, container: string, text: string): Promise<PodProcess[]> {
  const { namespace = '', name = '' } = pod.metadata;
  const out = await runBeside('kubectl', [
    ...['exec', '-n', namespace, name, '-c', container],
    ...['--', 'sh', '-c', LOOK],
  ]);
  return out
    .split('\n')
    .map((line) => /^(\d+) (.*)$/.exec(line))
    .flatMap((found) => (found ? [{ kib: Number(found[1]), command: found[2] ?? '' }] : []))
    .filter(({ command }) => command.includes(text));
}

/** Resident memory of the one program whose command line contains the text, in KiB. */
export async function residentIn(pod: ReleasePod, container: string, text: string): Promise<number> {
  const found = (await processesIn(pod, container, text)).filter(({ command }) => command.startsWith('node'));
  if (found.length !== 1) throw new Error(`${container} has ${found.length} programs ${text}`);
  return found[0]?.kib ?? 0;
}
