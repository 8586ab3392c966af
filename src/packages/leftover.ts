/**
 * Installers that outlive a killed gateway. Each leaves a note with its process in the folder that it writes, so that
 * whoever takes the folder over ends it first: two writers must never meet in one tree.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const NOTE = '.berth-installer.json';
const POLL_MS = 20;
const POLLS = 250;

interface Note {
  readonly pid: number;
  /** Kernel's start time of the process, which tells it from a later one with its number. */
  readonly started: string;
}

/** Notes the installer of a folder; where the start of a process cannot be read (not Linux) nothing is noted. */
export function noteInstaller(folder: string, pid: number): void {
  const started = startOf(pid);
  if (started !== undefined)
    writeFileSync(join(folder, NOTE), JSON.stringify({ pid, started } satisfies Note));
}

/** Takes the note away, once nothing writes in the folder any more. */
export async function forgetInstaller(folder: string): Promise<void> {
  await rm(join(folder, NOTE), { force: true });
}

/** Kills the process group that a dead owner left writing in the folder, and waits until it is gone. */
export async function endLeftover(folder: string): Promise<void> {
  const note = await readNote(folder);
  if (note === undefined || startOf(note.pid) !== note.started) return;
  for (let polls = 0; polls < POLLS && signalGroup(note.pid); polls += 1) await sleep(POLL_MS);
}

async function readNote(folder: string): Promise<Note | undefined> {
  try {
    const note = JSON.parse(await readFile(join(folder, NOTE), 'utf8')) as Partial<Note>;
    const { pid, started } = note;
    return Number.isInteger(pid) && pid !== undefined && pid > 1 && started !== undefined
      ? { pid, started }
      : undefined;
  } catch {
    return undefined;
  }
}

function signalGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 'SIGKILL') && isRunning(pid);
  } catch {
    return false;
  }
}

/** A zombie answers to signals until its parent has read its end, but writes no more. */
function isRunning(pid: number): boolean {
  const [state] = statOf(pid) ?? [];
  return state !== undefined && state !== 'Z';
}

function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** The fields after the program's name, which may itself contain blanks and brackets: state first, start time twentieth. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
