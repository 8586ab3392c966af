/** A BerthError on its way across a link: code, message and details as JSON; causes stay where they are. */
import { BerthError, ERROR_TABLE, type ErrorCode, type ErrorDetails, type StartPhase } from '../errors.ts';
import { RECORD } from './record.ts';
import { jsonRecord } from './record-bodies.ts';

const PHASES: readonly StartPhase[] = ['resolve', 'install', 'spawn', 'handshake', 'run'];

export function refusedRecord(ref: number, error: BerthError): Buffer[] {
  const { phase, exitCode, signal, stderr, hint, fields, data } = error.details;
  const details = { phase, exitCode, signal, stderr, hint, fields, data };
  return jsonRecord(RECORD.refused, ref, { code: error.code, message: error.message, details });
}

/** The error as it was thrown; `internal` for a code that this version does not know or for what is no error. */
export function readRefused(body: Buffer): BerthError {
  try {
    const { code, message, details } = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    const known = typeof code === 'string' && Object.hasOwn(ERROR_TABLE, code);
    return new BerthError(known ? (code as ErrorCode) : 'internal', String(message), toDetails(details));
  } catch (cause) {
    return new BerthError('internal', 'internal error', { cause });
  }
}

function toDetails(value: unknown): ErrorDetails {
  if (typeof value !== 'object' || value === null) return {};
  const { phase, exitCode, signal, stderr, hint, fields, data } = value as Record<string, unknown>;
  const known = PHASES.find((one) => one === phase);
  return {
    ...(known && { phase: known }),
    ...((typeof exitCode === 'number' || exitCode === null) && { exitCode }),
    ...((typeof signal === 'string' || signal === null) && { signal }),
    ...(Array.isArray(stderr) && { stderr: stderr.map(String) }),
    ...(typeof hint === 'string' && { hint }),
    ...(Array.isArray(fields) && { fields: fields.filter(isField) }),
    ...(typeof data === 'object' && data !== null && { data: data as Record<string, unknown> }),
  };
}

function isField(value: unknown): value is { pointer: string; detail: string } {
  const { pointer, detail } = (value ?? {}) as Record<string, unknown>;
  return typeof pointer === 'string' && typeof detail === 'string';
}
