/** What is known of a server's tools for the headers of their calls: learned from every `tools/list` answer that passes. */
import { type HeaderAnnotation, readAnnotations } from './header-annotations.ts';
import type { InboundMessage } from './inbound.ts';
import { isObject, parseExact } from './json-exact.ts';

/** Tools remembered; beyond it the oldest are forgotten, and learned again when the server asks for their headers. */
const MOST_TOOLS = 10_000;

export class ToolHeaders {
  readonly #tools = new Map<string, readonly HeaderAnnotation[]>();

  annotationsOf(tool: string): readonly HeaderAnnotation[] {
    return this.#tools.get(tool) ?? [];
  }

  /**
   * Learns from the answer to a `tools/list`. Returns the bytes to deliver: the same, or without the tools whose annotations
   * are invalid, which a client over HTTP must not be offered.
   */
  learn({ bytes, envelope }: InboundMessage): Buffer {
    // Most servers have no such tool, and an answer may be large.
    if (envelope.kind !== 'result' || (this.#tools.size === 0 && !bytes.includes('x-mcp-header')))
      return bytes;
    try {
      return this.#learn(bytes);
    } catch {
      // Nested too deeply to be read: no list of tools that anybody could use, and no reason for this program to end.
      return bytes;
    }
  }

  #learn(bytes: Buffer): Buffer {
    const answer = parseExact(bytes.toString('utf8'));
    const result = isObject(answer) ? answer.result : undefined;
    if (!isObject(answer) || !isObject(result) || !Array.isArray(result.tools)) return bytes;
    const tools = result.tools.filter((tool: unknown) => this.#learnTool(tool));
    if (tools.length === result.tools.length) return bytes;
    return Buffer.from(JSON.stringify({ ...answer, result: { ...result, tools } }));
  }

  #learnTool(tool: unknown): boolean {
    if (!isObject(tool) || typeof tool.name !== 'string') return true;
    const annotations = readAnnotations(tool.inputSchema);
    this.#tools.delete(tool.name);
    if (annotations === undefined) return false;
    if (annotations.length > 0) this.#remember(tool.name, annotations);
    return true;
  }

  #remember(name: string, annotations: readonly HeaderAnnotation[]): void {
    const oldest = this.#tools.keys().next();
    if (this.#tools.size >= MOST_TOOLS && !oldest.done) this.#tools.delete(oldest.value);
    this.#tools.set(name, annotations);
  }
}
