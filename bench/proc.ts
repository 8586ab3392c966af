/** Readings from /proc (Linux only). A process that has gone reads as undefined or as nothing. */
import { readdirSync, readFileSync } from 'node:fs';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Resident memory of one process, without its children, in KiB. */
export function residentKib(pid: number): number | undefined {
  const value = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return value === undefined ? undefined : Number(value);
}

/** Processor time of one process (user and system) in milliseconds, at the kernel's usual 100 ticks a second. */
export function cpuMs(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Every descendant of a process. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    if (stat === undefined) continue;
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const own = children.get(next) ?? [];
    found.push(...own);
    queue.push(...own);
  }
  return found;
}

/** Bytes that a process has written since its start, to whatever it writes to. */
export function writtenBytes(pid: number): number {
  return Number(/wchar: (\d+)/.exec(read(`/proc/${pid}/io`) ?? '')?.[1] ?? 0);
}

/** Bytes that lie in the kernel between a server port and the given client ports, both ends' queues together. */
export function queuedInKernel(serverPort: number, clientPorts: readonly number[]): number {
  const table = `${read('/proc/net/tcp') ?? ''}${read('/proc/net/tcp6') ?? ''}`;
  let total = 0;
  for (const row of table.split('\n')) {
    const fields = row.trim().split(/\s+/);
    const local = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    const remote = Number.parseInt(fields[2]?.split(':')[1] ?? '', 16);
    const [sent, received] = (fields[4] ?? '').split(':').map((text) => Number.parseInt(text, 16));
    if (local === serverPort && clientPorts.includes(remote)) total += sent ?? 0;
    if (remote === serverPort && clientPorts.includes(local)) total += received ?? 0;
  }
  return total;
}
