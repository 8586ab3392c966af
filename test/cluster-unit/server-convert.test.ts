import { describe, expect, it } from 'vitest';
import type { McpServerSpec } from '../../src/cluster/mcp-server.ts';
import { fromServerSpec, toServerSpec } from '../../src/cluster/server-convert.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';

const SPECS: Readonly<Record<string, McpServerSpec>> = {
  template: {
    template: 'brave-search',
    secrets: [{ name: 'BRAVE_API_KEY', secretKeyRef: { name: 'brave', key: 'token' } }],
    replicas: 2,
  },
  npm: {
    source: { npm: { name: '@modelcontextprotocol/server-everything', version: '2026.8.31' } },
    args: ['stdio'],
    env: [{ name: 'LOG', value: 'a b' }],
    isolation: 'shared',
    limits: { idle: 60_000, drain: 300_000 },
    network: { egress: 'allow', allow: [{ cidr: '10.1.0.0/16', ports: [443] }] },
    placement: { nodeSelector: { disk: 'ssd' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] },
    suspend: true,
  },
  image: {
    source: {
      image: {
        image: 'ghcr.io/acme/mcp:1.2',
        entrypoint: ['/srv', '--stdio'],
        writablePaths: ['/var/cache'],
      },
    },
    transport: 'stdio',
    resources: { limits: { memory: '512Mi' } },
  },
  script: { source: { script: { runtime: 'python', configMapRef: { name: 'code', key: 'server.py' } } } },
  archon: {
    source: { archon: {} },
    port: 8051,
    configMaps: [{ name: 'LOG_LEVEL', configMapKeyRef: { name: 'settings', key: 'log.level' } }],
  },
  remote: {
    source: {
      remote: {
        url: 'https://mcp.example.com/mcp',
        transport: 'auto',
        headers: [
          { name: 'authorization', scheme: 'Bearer', secretKeyRef: { name: 'mcp-key', key: 'token' } },
        ],
      },
    },
  },
};

describe('an MCPServer and the specification of the API', () => {
  it.each(Object.entries(SPECS))('say the same of %s, both ways', (name, spec) => {
    expect(fromServerSpec(toServerSpec(name, spec))).toEqual(spec);
  });

  it('holds references as the API writes them', () => {
    expect(toServerSpec('search', SPECS.template!).secrets).toEqual({
      BRAVE_API_KEY: { fromSecret: { name: 'brave', key: 'token' } },
    });
    const spec = parseServerSpec({
      template: 'brave-search',
      secrets: { BRAVE_API_KEY: 'secret:brave/token' },
    });
    expect(fromServerSpec(spec).secrets).toEqual(SPECS.template!.secrets);
  });

  it('refuses a secret that is not in the cluster, and does not repeat its place', () => {
    const spec = parseServerSpec({ template: 'brave-search', secrets: { BRAVE_API_KEY: 'env:HIDDEN' } });
    expect(() => fromServerSpec(spec)).toThrow(expect.objectContaining({ code: 'bad-input' }));
    expect(() => fromServerSpec(spec)).not.toThrow(/HIDDEN/);
  });

  it('refuses what the API would refuse', () => {
    expect(() => toServerSpec('x', { source: { npm: { name: '--evil' } } })).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    );
  });
});
