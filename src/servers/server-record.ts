/** What is kept of a server over a restart, and who keeps it. */
import type { BerthError, ErrorCode, ErrorDetails } from '../errors.ts';
import { BerthError as Failure } from '../errors.ts';
import type { ResolvedPackage } from '../packages/package.ts';
import type { HandshakeReport } from '../supervisor/handshake-report.ts';
import type { ServerPlan } from './server-plan.ts';
import type { ServerSpec } from './server-spec.ts';

/** A failure as data: it outlives the process that met it. */
export interface FailureRecord extends Omit<ErrorDetails, 'cause'> {
  readonly code: ErrorCode;
  readonly message: string;
}

/** All times are milliseconds since the epoch. */
export interface ServerRecord {
  /** UUID v4, for the life of the server. */
  readonly id: string;
  readonly name: string;
  readonly spec: ServerSpec;
  readonly plan: ServerPlan;
  readonly desired: 'running' | 'stopped';
  /** Counts what was wanted of it; absent in records of older gateways. */
  readonly generation?: number;
  /** Set by the first start; later starts never resolve again. */
  readonly resolved?: ResolvedPackage;
  readonly treeKey?: string;
  /** Of the newest start that came through. */
  readonly report?: HandshakeReport;
  /** When that report was made. */
  readonly reportedAt?: number;
  /** Of the newest start, when it did not come through. */
  readonly failure?: FailureRecord;
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly stoppedAt?: number;
}

/** Implemented by `store/`; every call is durable when it returns. */
export interface ServerStore {
  list(): ServerRecord[];
  /** Inserts, or replaces the record of this id. */
  save(record: ServerRecord): void;
  /** Unknown ids are ignored. */
  remove(id: string): void;
}

export function toFailureRecord(error: BerthError): FailureRecord {
  const { cause: _cause, hint: _hint, ...details } = error.details;
  return { ...details, code: error.code, message: error.message, hint: error.hint };
}

export function toFailure(record: FailureRecord): BerthError {
  const { code, message, ...details } = record;
  return new Failure(code, message, details);
}
