/** The clients, each as its own documentation has it. */
import {
  bearer,
  type ClientDefinition,
  type Places,
  type ProgramTarget,
  type ServerTarget,
} from './client.ts';

const braces = (variable: string): string => `\${${variable}}`;
const envBraces = (variable: string): string => `\${env:${variable}}`;
const inHome =
  (...parts: readonly string[]) =>
  ({ home }: Places): readonly string[] => [home, ...parts];
const inProject =
  (...parts: readonly string[]) =>
  (): readonly string[] =>
    parts;
const inConfig =
  (...parts: readonly string[]) =>
  ({ config }: Places): readonly string[] => [config, ...parts];
/** Follows XDG on every system. */
const inDotConfig =
  (...parts: readonly string[]) =>
  ({ platform, home, config }: Places): readonly string[] =>
    platform === 'linux' ? [config, ...parts] : [home, '.config', ...parts];

const program = ({ command, args }: ProgramTarget) => ({ command, args });
const stdio = (target: ProgramTarget) => ({ type: 'stdio', ...program(target) });

const claudeCode: ClientDefinition = {
  id: 'claude-code',
  title: 'Claude Code',
  format: 'jsonc',
  files: { user: inHome('.claude.json'), project: inProject('.mcp.json') },
  servers: ['mcpServers'],
  remote: (target) => ({ type: 'http', url: target.url, ...bearer(target, braces) }),
  program: stdio,
  takesReference: true,
};

const claudeDesktop: ClientDefinition = {
  id: 'claude-desktop',
  title: 'Claude Desktop',
  format: 'jsonc',
  files: { user: inConfig('Claude', 'claude_desktop_config.json') },
  servers: ['mcpServers'],
  program,
  takesReference: false,
  after: 'Restart Claude Desktop: it reads the file when it starts.',
};

const cursor: ClientDefinition = {
  id: 'cursor',
  title: 'Cursor',
  format: 'jsonc',
  files: { user: inHome('.cursor', 'mcp.json'), project: inProject('.cursor', 'mcp.json') },
  servers: ['mcpServers'],
  remote: (target) => ({ url: target.url, ...bearer(target, envBraces) }),
  program,
  takesReference: true,
};

/** The id of the question by which VS Code gets the key, which it keeps in its own secret store. */
function inputId({ keyVariable = '' }: ServerTarget): string {
  return keyVariable.toLowerCase().replaceAll('_', '-');
}

/** Visual Studio's ids may have no hyphen. */
function wordId({ keyVariable = '' }: ServerTarget): string {
  return keyVariable.toLowerCase();
}

/** What asks for the key, once for all servers that want it. */
function keyQuestion(idOf: (target: ServerTarget) => string): NonNullable<ClientDefinition['extra']> {
  return (target) => {
    if (target.keyVariable === undefined) return [];
    const description = `Key of ${new URL(target.url).origin}`;
    const value = { type: 'promptString', id: idOf(target), description, password: true };
    return [{ path: ['inputs'], value, listKey: 'id' }];
  };
}

const vscode: ClientDefinition = {
  id: 'vscode',
  title: 'VS Code',
  format: 'jsonc',
  files: { user: inConfig('Code', 'User', 'mcp.json'), project: inProject('.vscode', 'mcp.json') },
  servers: ['servers'],
  remote: (target) => ({
    type: 'http',
    url: target.url,
    ...bearer(target, () => `\${input:${inputId(target)}}`),
  }),
  program: stdio,
  takesReference: true,
  extra: keyQuestion(inputId),
};

const visualStudio: ClientDefinition = {
  id: 'visual-studio',
  title: 'Visual Studio',
  format: 'jsonc',
  files: { user: inHome('.mcp.json'), project: inProject('.mcp.json') },
  servers: ['servers'],
  remote: (target) => ({
    type: 'http',
    url: target.url,
    ...bearer(target, () => `\${input:${wordId(target)}}`),
  }),
  program: stdio,
  takesReference: true,
  extra: keyQuestion(wordId),
};

const windsurf: ClientDefinition = {
  id: 'windsurf',
  title: 'Windsurf',
  format: 'jsonc',
  files: { user: inHome('.codeium', 'windsurf', 'mcp_config.json') },
  servers: ['mcpServers'],
  remote: (target) => ({ serverUrl: target.url, ...bearer(target, envBraces) }),
  program,
  takesReference: true,
  after: 'Refresh the list of servers in its MCP panel.',
};

/** Codex and those that took its format over: the key is named, never written. */
function codexLike(id: string, title: string, folder: string): ClientDefinition {
  return {
    id,
    title,
    format: 'toml',
    files: { user: inHome(folder, 'config.toml') },
    servers: ['mcp_servers'],
    remote: ({ url, keyVariable }) => ({
      url,
      ...(keyVariable !== undefined && { bearer_token_env_var: keyVariable }),
    }),
    program,
    takesReference: true,
  };
}

/** Gemini CLI and its relatives: `url` would mean HTTP+SSE there. */
function geminiLike(id: string, title: string, folder: string): ClientDefinition {
  return {
    id,
    title,
    format: 'jsonc',
    files: { user: inHome(folder, 'settings.json'), project: inProject(folder, 'settings.json') },
    servers: ['mcpServers'],
    remote: (target) => ({ httpUrl: target.url, ...bearer(target, braces) }),
    program,
    takesReference: true,
  };
}

const copilotCli: ClientDefinition = {
  id: 'copilot-cli',
  title: 'GitHub Copilot CLI',
  format: 'jsonc',
  files: { user: inHome('.copilot', 'mcp-config.json') },
  servers: ['mcpServers'],
  remote: (target) => ({ type: 'http', url: target.url, ...bearer(target, braces), tools: ['*'] }),
  program: (target) => ({ type: 'local', ...program(target), tools: ['*'] }),
  takesReference: true,
};

const cline: ClientDefinition = {
  id: 'cline',
  title: 'Cline',
  format: 'jsonc',
  files: {
    user: inConfig(
      ...['Code', 'User', 'globalStorage', 'saoudrizwan.claude-dev', 'settings'],
      'cline_mcp_settings.json',
    ),
  },
  servers: ['mcpServers'],
  remote: ({ url }) => ({ type: 'streamableHttp', url }),
  program,
  takesReference: false,
};

const zed: ClientDefinition = {
  id: 'zed',
  title: 'Zed',
  format: 'jsonc',
  files: { user: inDotConfig('zed', 'settings.json'), project: inProject('.zed', 'settings.json') },
  servers: ['context_servers'],
  remote: ({ url }) => ({ url }),
  program,
  takesReference: false,
};

const opencode: ClientDefinition = {
  id: 'opencode',
  title: 'opencode',
  format: 'jsonc',
  files: { user: inDotConfig('opencode', 'opencode.json'), project: inProject('opencode.json') },
  servers: ['mcp'],
  remote: (target) => ({
    type: 'remote',
    url: target.url,
    ...bearer(target, (variable) => `{env:${variable}}`),
    enabled: true,
  }),
  program: ({ command, args }) => ({ type: 'local', command: [command, ...args], enabled: true }),
  takesReference: true,
};

const goose: ClientDefinition = {
  id: 'goose',
  title: 'Goose',
  format: 'yaml',
  files: { user: inDotConfig('goose', 'config.yaml') },
  servers: ['extensions'],
  remote: ({ name, url }) => ({ name, type: 'streamable_http', uri: url, enabled: true, timeout: 300 }),
  program: ({ command, args }) => ({ type: 'stdio', cmd: command, args, enabled: true, timeout: 300 }),
  takesReference: false,
};

const continueDev: ClientDefinition = {
  id: 'continue',
  title: 'Continue',
  format: 'yaml',
  files: { user: inHome('.continue', 'config.yaml') },
  servers: ['mcpServers'],
  list: true,
  remote: ({ name, url }) => ({ name, type: 'streamable-http', url }),
  program,
  takesReference: false,
};

const kiro: ClientDefinition = {
  id: 'kiro',
  title: 'Kiro',
  format: 'jsonc',
  files: {
    user: inHome('.kiro', 'settings', 'mcp.json'),
    project: inProject('.kiro', 'settings', 'mcp.json'),
  },
  servers: ['mcpServers'],
  remote: (target) => ({ url: target.url, ...bearer(target, braces) }),
  program,
  takesReference: true,
};

const lmStudio: ClientDefinition = {
  id: 'lm-studio',
  title: 'LM Studio',
  format: 'jsonc',
  files: { user: inHome('.lmstudio', 'mcp.json') },
  servers: ['mcpServers'],
  remote: ({ url }) => ({ url }),
  program,
  takesReference: false,
};

const antigravity: ClientDefinition = {
  id: 'antigravity',
  title: 'Antigravity',
  format: 'jsonc',
  files: { user: inHome('.gemini', 'antigravity', 'mcp_config.json') },
  servers: ['mcpServers'],
  remote: ({ url }) => ({ serverUrl: url }),
  program,
  takesReference: false,
};

const amp: ClientDefinition = {
  id: 'amp',
  title: 'Amp',
  format: 'jsonc',
  files: {
    user: ({ home }) => [home, '.config', 'amp', 'settings.json'],
    project: inProject('.amp', 'settings.json'),
  },
  servers: ['amp.mcpServers'],
  remote: (target) => ({ url: target.url, ...bearer(target, braces) }),
  program,
  takesReference: true,
};

/** In the order in which they are listed: the most used first. */
export const CLIENTS: readonly ClientDefinition[] = [
  claudeCode,
  claudeDesktop,
  cursor,
  vscode,
  windsurf,
  codexLike('codex', 'Codex', '.codex'),
  geminiLike('gemini-cli', 'Gemini CLI', '.gemini'),
  copilotCli,
  cline,
  zed,
  opencode,
  goose,
  continueDev,
  kiro,
  lmStudio,
  antigravity,
  geminiLike('qwen-code', 'Qwen Code', '.qwen'),
  codexLike('grok-cli', 'Grok CLI', '.grok'),
  visualStudio,
  amp,
];

/** The client of that id; undefined for another word. */
export function findClient(id: string): ClientDefinition | undefined {
  return CLIENTS.find((client) => client.id === id);
}
