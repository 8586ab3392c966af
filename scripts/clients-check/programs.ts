/** Clients that are programs on npm and say by themselves what they make of their servers. */
import { join } from 'node:path';

export type Outcome = 'connected' | 'refused' | 'listed' | 'not found';

export interface ClientProgram {
  /** As in `berth connect`. */
  readonly id: string;
  readonly package: string;
  /** The program and its arguments, below a `node_modules`; it lists its servers. */
  readonly list: readonly string[];
  /** What it says of a server that it has talked to, and of one that let it not in; without these it does not talk to them. */
  readonly connected?: RegExp;
  readonly refused?: RegExp;
  /** Files below the home folder that it wants to find before it starts servers; `folder` is where it runs. */
  readonly prepare?: (folder: string) => Readonly<Record<string, unknown>>;
}

/** Some packages bring a program for each platform, which only a script of the installation would put in its place. */
const PLATFORM = `${process.platform}-${process.arch}`;

export const PROGRAMS: readonly ClientProgram[] = [
  {
    id: 'claude-code',
    package: '@anthropic-ai/claude-code',
    list: [join('@anthropic-ai', `claude-code-${PLATFORM}`, 'claude'), 'mcp', 'list'],
    connected: /✔ Connected/,
    refused: /✘ Failed/,
  },
  {
    id: 'codex',
    package: '@openai/codex',
    list: [join('.bin', 'codex'), 'mcp', 'list'],
  },
  {
    id: 'gemini-cli',
    package: '@google/gemini-cli',
    list: [join('.bin', 'gemini'), 'mcp', 'list'],
    connected: /- Connected/,
    refused: /- Disconnected/,
    prepare: (folder) => ({ '.gemini/trustedFolders.json': { [folder]: 'TRUST_FOLDER' } }),
  },
  {
    id: 'copilot-cli',
    package: '@github/copilot',
    list: [join('.bin', 'copilot'), 'mcp', 'list'],
  },
  {
    id: 'opencode',
    package: 'opencode-ai',
    list: [join(`opencode-${PLATFORM}`, 'bin', 'opencode'), 'mcp', 'list'],
    connected: /✓ \S+ .*connected/,
    refused: /⚠ \S+ .*needs authentication/,
  },
  {
    id: 'qwen-code',
    package: '@qwen-code/qwen-code',
    list: [join('.bin', 'qwen'), 'mcp', 'list'],
    connected: /- Connected/,
    refused: /- Disconnected/,
  },
];

/** What a client says of a server of this name. */
export function outcomeOf({ connected, refused }: ClientProgram, name: string, said: string): Outcome {
  const lines = said.split('\n').filter((line) => line.includes(name));
  if (lines.length === 0) return 'not found';
  if (lines.some((line) => connected?.test(line))) return 'connected';
  return lines.some((line) => refused?.test(line)) ? 'refused' : 'listed';
}
