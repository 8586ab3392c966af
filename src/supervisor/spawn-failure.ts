/** What a start over `berth-spawn` failed for, in words that name the remedy. */
import { basename } from 'node:path';
import { BerthError } from '../errors.ts';
import type { Launch } from './launch.ts';
import { systemHint } from './process-start-error.ts';
import { MORE_ROOM } from './room.ts';
import type { SpawnRecord } from './spawn-wire.ts';

type FailedRecord = Extract<SpawnRecord, { readonly kind: 'failed' }>;

/** Why there is no process: what the helper said, or why it could not be asked. */
export type SpawnFailure =
  | FailedRecord
  | { readonly kind: 'unreachable'; readonly socket: string; readonly code: string }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'late'; readonly ms: number };

const LOOK_AT_WORKLOAD = 'Look at the workload container of the pod: its state, its last log lines.';
const TOO_LONG = 'Arguments and environment together are too long: shorten them.';

/** Turns a failure into `start-failed`, phase `spawn`; into `busy` where another replica may have room. */
export function toSpawnFailure(launch: Launch, failure: SpawnFailure): BerthError {
  const name = basename(launch.file);
  switch (failure.kind) {
    case 'unreachable':
      return startFailed(`cannot start ${name}: no berth-spawn at ${failure.socket} (${failure.code})`, {
        hint: `The workload container must be up and share the folder of that socket. ${LOOK_AT_WORKLOAD}`,
      });
    case 'too-long':
      return startFailed(`cannot start ${name}: E2BIG`, { hint: TOO_LONG });
    case 'lost':
      return startFailed(`cannot start ${name}: berth-spawn closed the connection`, {
        hint: LOOK_AT_WORKLOAD,
      });
    case 'late':
      return startFailed(`cannot start ${name}: berth-spawn said nothing for ${failure.ms} ms`, {
        hint: LOOK_AT_WORKLOAD,
      });
    case 'failed':
      return fromRecord(launch, failure);
  }
}

function startFailed(message: string, details: { readonly hint: string }): BerthError {
  return new BerthError('start-failed', message, { phase: 'spawn', ...details });
}

function fromRecord(launch: Launch, failure: FailedRecord): BerthError {
  const message = `cannot start ${basename(launch.file)}: ${failure.text || failure.code}`;
  if (failure.step === 'limit') {
    return new BerthError('busy', message, {
      phase: 'spawn',
      hint: MORE_ROOM,
    });
  }
  return startFailed(message, { hint: recordHint(launch, failure) });
}

function recordHint(launch: Launch, { step, code }: FailedRecord): string {
  const { file, cwd } = launch;
  switch (step) {
    case 'refused':
      return "Give berth-spawn the supervisor's user id as --peer-uid.";
    case 'folder':
      return code === 'ENOENT'
        ? `The working folder ${cwd} does not exist in the workload container.`
        : `The working folder ${cwd} cannot be entered in the workload container (${code}).`;
    case 'interpreter':
      return `The interpreter that the first line of ${file} names does not exist in the workload container.`;
    case 'program':
      if (code !== 'ENOENT') return systemHint(code, file);
      return `The program ${file} does not exist in the workload container: install it, or correct its path.`;
    case 'system':
    case 'request':
    case 'limit':
      return systemHint(code, file);
  }
}
