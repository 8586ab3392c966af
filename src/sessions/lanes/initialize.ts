/** `initialize` as Berth itself reads and answers it; the only message of the legacy era that is ever parsed. */
import type { Envelope } from '../../jsonrpc/envelope.ts';
import type { ClientMessage } from '../message.ts';

/** Legacy revisions, newest first. */
export const LEGACY_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

export interface InitializeResult {
  readonly protocolVersion: string;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly [name: string]: unknown;
}

export interface InitializeParams {
  readonly protocolVersion?: string;
  readonly capabilities?: unknown;
}

/** How Berth names itself where no client does. */
export const BERTH_CLIENT = { name: 'berth', version: '0.1.0' };

/** Reads the result of an `initialize` answer; what is missing is filled with the protocol's defaults. */
export function readInitializeResult(line: Buffer, envelope: Envelope): InitializeResult {
  const result = JSON.parse(
    line.toString('utf8', envelope.resultStart, envelope.resultEnd),
  ) as Partial<InitializeResult> | null;
  return {
    ...asRecord(result),
    protocolVersion: typeof result?.protocolVersion === 'string' ? result.protocolVersion : '',
    capabilities: asRecord(result?.capabilities),
  };
}

/** Reads the params of a client's `initialize`. */
export function readInitializeParams({ bytes, envelope }: ClientMessage): InitializeParams {
  if (envelope.paramsStart < 0) return {};
  const text = bytes.toString('utf8', envelope.paramsStart, envelope.paramsEnd);
  const { protocolVersion, capabilities } = asRecord(JSON.parse(text));
  return { capabilities, ...(typeof protocolVersion === 'string' && { protocolVersion }) };
}

/** The revision that a handshake of Berth's own asks for in a client's place: its own where there is such a one, else the newest. */
export function askedRevision(message: ClientMessage): string {
  const { protocolVersion } = readInitializeParams(message);
  return LEGACY_REVISIONS.find((revision) => revision === protocolVersion) ?? LEGACY_REVISIONS[0];
}

/** The params of a handshake of Berth's own: no capabilities, so the server asks nothing that nobody could answer. */
export function ownInitializeParams(protocolVersion: string): string {
  return JSON.stringify({ protocolVersion, capabilities: {}, clientInfo: BERTH_CLIENT });
}

/** JSON text with sorted keys, for comparing capabilities. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Capabilities of a server on a process that several sessions share: tasks belong to nobody there. */
export function sharedCapabilities(capabilities: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { tasks: _tasks, ...rest } = capabilities;
  return rest;
}

/** Capabilities that hold without a session: nothing that needs a stream, a subscription or a level. */
export function pooledCapabilities(capabilities: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { logging: _logging, tasks: _tasks, ...rest } = capabilities;
  return Object.fromEntries(
    Object.entries(rest).map(([name, value]) => {
      const { listChanged: _changed, subscribe: _subscribe, ...kept } = asRecord(value);
      return [name, kept];
    }),
  );
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
