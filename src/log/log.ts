/** Berth's log: pino, one line per entry, secrets redacted, control characters escaped. */
import {
  type DestinationStream,
  destination,
  type Logger,
  pino,
  stdSerializers,
  stdTimeFunctions,
} from 'pino';
import { BerthError } from '../errors.ts';
import { escapeUnsafe, toTextLine } from './line.ts';
import { createScrubber, type Scrubber } from './scrub.ts';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** What the rest of Berth logs to: `log.info({server: name}, 'text')`; `log.child({requestId})` binds fields. */
export type Log = Logger;

export interface LogOptions {
  readonly level: LogLevel;
  readonly format?: 'json' | 'text';
  /** Values never to be written; a {@link Scrubber} can learn further ones later. */
  readonly secrets?: Iterable<string> | Scrubber;
  /** Takes whole lines; standard error unless given. */
  readonly destination?: { write(line: string): unknown };
  /** Gets every line as well, as JSON whatever the format is. */
  readonly book?: { add(line: string): void };
}

const STDERR = 2;
const CREDENTIAL_FIELDS = [
  'authorization',
  'cookie',
  'token',
  'key',
  'password',
  'secret',
  '["mcp-session-id"]',
  '["x-api-key"]',
];
const CREDENTIAL_PATHS = CREDENTIAL_FIELDS.flatMap((field) => {
  const member = field.startsWith('[') ? field : `.${field}`;
  return [field, `*${member}`, `*.*${member}`];
});

/** The root log of a program. */
export function createLog(options: LogOptions): Log {
  const {
    level,
    format = 'json',
    secrets = [],
    book,
    destination: sink = destination({ fd: STDERR, sync: true }),
  } = options;
  const scrubber = 'scrub' in secrets ? secrets : createScrubber(secrets);
  const stream: DestinationStream = {
    write(json) {
      const clean = escapeUnsafe(scrubber.scrub(json));
      book?.add(clean);
      sink.write(format === 'text' ? toTextLine(clean) : clean);
    },
  };
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: CREDENTIAL_PATHS, censor: '[redacted]' },
      serializers: { err: serializeError, error: serializeError, cause: serializeError },
    },
    stream,
  );
}

/** A log that writes nothing, for programs and tests that want none. */
export function silentLog(): Log {
  return pino({ level: 'silent' }, { write: () => undefined });
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  // Its members are getters that throw once redaction has copied it: then the entry, and what it was written for, would fail.
  if (error instanceof DOMException) return { type: error.name, message: error.message, stack: error.stack };
  if (!(error instanceof BerthError)) return stdSerializers.err(error);
  const { phase, exitCode, signal } = error.details;
  return {
    type: error.name,
    code: error.code,
    message: error.message,
    phase,
    exitCode,
    signal,
    stack: stdSerializers.err(error).stack,
  };
}
