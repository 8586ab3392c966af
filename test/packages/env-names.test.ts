import { describe, expect, it } from 'vitest';
import { isForbiddenEnvName } from '../../src/packages/env-names.ts';

const FORBIDDEN = [
  ...[
    'NPM_CONFIG_REGISTRY',
    'NODE_OPTIONS',
    'NODE_PATH',
    'NODE_EXTRA_CA_CERTS',
    'NODE_TLS_REJECT_UNAUTHORIZED',
  ],
  ...[
    'UV_INDEX_URL',
    'PIP_INDEX_URL',
    'PYTHONPATH',
    'PYTHONSTARTUP',
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'DYLD_INSERT_LIBRARIES',
  ],
  ...[
    'GIT_SSH_COMMAND',
    'SSL_CERT_FILE',
    'SSL_CERT_DIR',
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'NO_PROXY',
    'ALL_PROXY',
  ],
  ...['FTP_PROXY', 'SOCKS_PROXY', 'SOCKS5_PROXY', 'WS_PROXY', 'WSS_PROXY', 'GRPC_PROXY', 'RSYNC_PROXY'],
  ...['GLOBAL_AGENT_HTTP_PROXY', 'CGI_HTTP_PROXY', 'YARN_HTTPS_PROXY'],
  ...['PATH', 'HOME', 'BASH_ENV', 'ENV', 'TMPDIR', 'JAVA_TOOL_OPTIONS', 'OPENSSL_CONF'],
];
const ALLOWED = [
  'BRAVE_API_KEY',
  'DSN',
  'LOG_LEVEL',
  'MEMORY_FILE_PATH',
  // Settings of the server itself, which no library takes for a proxy.
  'PERPLEXITY_PROXY',
  'MY_PROXY',
  'PROXY_URL',
  'HOMEPAGE',
  'ENVIRONMENT',
  'NODE_ENV',
  'A',
  '_x',
];
const NO_NAMES = ['', '1A', 'A-B', 'A B', 'A=B', 'A\n', 'Ä', 'A\0', `A${'A'.repeat(300)}`];

function inEveryCase(name: string): string[] {
  return [name, name.toLowerCase(), name.charAt(0) + name.slice(1).toLowerCase()];
}

describe('environment names', () => {
  it.each(FORBIDDEN)('%s is forbidden in any case', (name) => {
    expect(inEveryCase(name).map(isForbiddenEnvName)).toEqual([true, true, true]);
  });

  it.each(ALLOWED)('%s is allowed', (name) => {
    expect(isForbiddenEnvName(name)).toBe(false);
  });

  it.each(NO_NAMES)('%j is no name', (name) => {
    expect(isForbiddenEnvName(name)).toBe(true);
  });
});
