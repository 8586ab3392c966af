/** Is a package an MCP server? What speaks for it, strongest first. */
import type { McpVerdict } from './found.ts';
import { tokens } from './query.ts';

const SDKS: Readonly<Record<'npm' | 'pypi', RegExp>> = {
  npm: /^(?:@modelcontextprotocol\/(?:sdk|server|node|express|hono|fastify)|fastmcp|mcp-framework|@fastmcp\/.+|xmcp)$/,
  pypi: /^(?:mcp|fastmcp|mcp-server-.*|fastapi-mcp)$/,
};
const KEYWORDS: ReadonlySet<string> = new Set([
  'mcp',
  'mcp-server',
  'mcpserver',
  'modelcontextprotocol',
  'model-context-protocol',
  'model context protocol',
]);

export interface McpSigns {
  readonly ecosystem: 'npm' | 'pypi';
  readonly name: string;
  readonly description?: string | undefined;
  readonly keywords?: readonly string[] | undefined;
  /** Names of what it depends on; absent where it is not known. */
  readonly dependencies?: readonly string[] | undefined;
  /** The name that the package itself claims in MCP registries. */
  readonly mcpName?: string | undefined;
  /** False when it is known to have no program. */
  readonly runnable?: boolean | undefined;
  /** Who lists it as a server. */
  readonly listedBy?: string | undefined;
}

/** Words, not letters: `mcprotein` is no sign. */
export function mcpVerdict(signs: McpSigns): McpVerdict {
  const strong = strongSigns(signs);
  const weak = weakSigns(signs);
  const reasons = [...strong, ...weak];
  if (signs.runnable === false) reasons.push('it has no program to run');
  const sure = strong.length > 0 && signs.runnable !== false;
  const verdict =
    sure || signs.listedBy !== undefined ? 'yes' : strong.length + weak.length > 0 ? 'likely' : 'unknown';
  return { verdict, reasons };
}

function strongSigns({ ecosystem, mcpName, dependencies, listedBy }: McpSigns): string[] {
  const sdk = dependencies?.find((name) => SDKS[ecosystem].test(name));
  return [
    ...(listedBy === undefined ? [] : [`${listedBy} lists it`]),
    ...(mcpName === undefined
      ? []
      : [`it names itself ${mcpName} (${ecosystem === 'npm' ? 'mcpName' : 'mcp-name'})`]),
    ...(sdk === undefined ? [] : [`it depends on ${sdk}`]),
  ];
}

function weakSigns({ name, description = '', keywords = [] }: McpSigns): string[] {
  const keyword = keywords.find((word) => KEYWORDS.has(word.toLowerCase()));
  return [
    ...(keyword === undefined ? [] : [`its keywords have ${keyword}`]),
    ...(saysMcp(name) || name.startsWith('@modelcontextprotocol/') ? ['its name says MCP'] : []),
    ...(saysMcp(description) ? ['its description says MCP'] : []),
  ];
}

/** As a word of its own, or written out. */
export function saysMcp(text: string): boolean {
  const words = tokens(text);
  return (
    words.some((word) => word === 'mcp' || word === 'fastmcp' || word === 'modelcontextprotocol') ||
    words.join(' ').includes('model context protocol')
  );
}
