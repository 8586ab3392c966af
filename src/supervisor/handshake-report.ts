/** What one throw-away handshake learned about a server. */
export interface HandshakeReport {
  /** Revision that the server chose. */
  readonly protocolVersion: string;
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Names of the first page of `tools/list`; absent when the server offers no tools. */
  readonly tools?: readonly string[];
  /** Milliseconds from spawn call to running process, and from first byte written to `initialize` answered. */
  readonly spawnMs: number;
  readonly handshakeMs: number;
}
