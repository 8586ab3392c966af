/** Which programs of this machine used its processors while something ran; those of a cluster elsewhere are not seen. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpuMs } from '../proc.ts';

/** Milliseconds by program. */
export type ProcessorCosts = Readonly<Record<string, number>>;

/** First that matches a command line counts; what matches none is `other`. */
const PROGRAMS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['load client', /bench\/load\.ts/],
  ['gateway', /gateway-program\.ts|^node .*\/app\/dist\/main\.js/],
  ['supervisor', /\/app\/dist\/supervisor\/main\.js/],
  ['echo servers', /echo-server\.mjs|\/server\.mjs/],
  ['join', /berth-spawn join/],
  ['API server', /kube-apiserver/],
  ['kubelet', /kubelet/],
  ['containerd', /containerd/],
  ['etcd', /etcd/],
];

/** Reading costs time itself. */
const READ_EVERY_MS = 1_000;

export const PROGRAM_NAMES: readonly string[] = [...PROGRAMS.map(([name]) => name), 'other'];

export async function costsDuring<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly costs: ProcessorCosts }> {
  const before = readAll();
  const seen = new Map<number, Reading>();
  const reading = setInterval(() => readAll(seen), READ_EVERY_MS);
  try {
    const value = await work();
    readAll(seen);
    return { value, costs: sumUp(before, seen) };
  } finally {
    clearInterval(reading);
  }
}

interface Reading {
  readonly program: string;
  readonly ms: number;
}

/** The newest reading of each process, those that have gone since included. */
function readAll(into = new Map<number, Reading>()): Map<number, Reading> {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const ms = Number.isInteger(pid) ? cpuMs(pid) : undefined;
    if (ms !== undefined) into.set(pid, { program: into.get(pid)?.program ?? programOf(pid), ms });
  }
  return into;
}

function programOf(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return PROGRAMS.find(([, pattern]) => pattern.test(command))?.[0] ?? 'other';
  } catch {
    return 'other';
  }
}

function sumUp(before: ReadonlyMap<number, Reading>, after: ReadonlyMap<number, Reading>): ProcessorCosts {
  const costs = Object.fromEntries(PROGRAM_NAMES.map((name) => [name, 0]));
  for (const [pid, { program, ms }] of after)
    costs[program] = (costs[program] ?? 0) + ms - (before.get(pid)?.ms ?? 0);
  return costs;
}
