import type { RemoteTransport } from './remote-transport.ts';

/** `legacy`: revisions 2024-11-05 to 2025-11-25; `modern`: 2026-07-28. */
export type Era = 'legacy' | 'modern';

/** What an operator says that a server is spoken to as: one era whoever calls, or each client's own. */
export type PinnedEra = Era | 'both';

/** The eras that a server must show to speak then. */
export function pinnedEras(pinned: PinnedEra): readonly Era[] {
  return pinned === 'both' ? ['legacy', 'modern'] : [pinned];
}

/** What one throw-away handshake learned about a server. */
export interface HandshakeReport {
  /** Revision that the server chose. */
  readonly protocolVersion: string;
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Eras that the server has shown to speak, each on a process of its own (data-path.md 6); absent in reports of older gateways. */
  readonly eras?: readonly Era[];
  /** Every era that was tried has had an answer, a refusal counted: another look would find the same. */
  readonly conclusive?: boolean;
  /** How a remote server is reached. */
  readonly transport?: RemoteTransport;
  /** Names of the first page of `tools/list`; absent when the server offers no tools. */
  readonly tools?: readonly string[];
  /** Milliseconds from spawn call to running process, and from first byte written to `initialize` answered. */
  readonly spawnMs: number;
  readonly handshakeMs: number;
}
