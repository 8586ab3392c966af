import { describe, expect, it } from 'vitest';
import { clientEdits, snippet } from '../../src/clients/configure.ts';
import { readServers } from '../../src/clients/read-servers.ts';
import { CLIENTS } from '../../src/clients/table.ts';
import { packageOf, toServerName, toSpec } from '../../src/clients/to-spec.ts';

const reference = (kind: string, name: string) => `file:/secrets/${kind}.${name}`;

function imported(text: string, path = 'mcp.json') {
  return readServers(text, path).map((server) => toSpec(server, reference));
}

describe('a command of a client', () => {
  it.each([
    [
      'npx -y @scope/pkg@1.2.3 /tmp',
      { source: { npm: { name: '@scope/pkg', version: '1.2.3' } }, args: ['/tmp'] },
    ],
    ['npx pkg@latest', { source: { npm: { name: 'pkg' } }, args: [] }],
    ['npx -y -p pkg tool --flag', { source: { npm: { name: 'pkg' } }, bin: 'tool', args: ['--flag'] }],
    ['npx --package=pkg@2 tool', { source: { npm: { name: 'pkg', version: '2' } }, bin: 'tool', args: [] }],
    ['cmd /c npx -y pkg', { source: { npm: { name: 'pkg' } }, args: [] }],
    ['C:\\nodejs\\npx.cmd -y pkg', { source: { npm: { name: 'pkg' } }, args: [] }],
    ['bunx pkg', { source: { npm: { name: 'pkg' } }, args: [] }],
    ['npm exec -- pkg a', { source: { npm: { name: 'pkg' } }, args: ['a'] }],
    ['pnpm dlx pkg', { source: { npm: { name: 'pkg' } }, args: [] }],
    [
      'uvx mcp-server-time --local-timezone=UTC',
      { source: { pypi: { name: 'mcp-server-time' } }, args: ['--local-timezone=UTC'] },
    ],
    ['uvx mcp-server-time@1.0', { source: { pypi: { name: 'mcp-server-time', version: '1.0' } }, args: [] }],
    ['uvx --from pkg>=2 tool', { source: { pypi: { name: 'pkg', version: '>=2' } }, bin: 'tool', args: [] }],
    ['uv tool run pkg==3', { source: { pypi: { name: 'pkg', version: '3' } }, args: [] }],
    ['pipx run pkg', { source: { pypi: { name: 'pkg' } }, args: [] }],
  ])('%s is a package', (line, expected) => {
    expect(packageOf(line.split(' '))).toEqual(expected);
  });

  it.each([
    ['docker run -i image', /container image/],
    ['bash -c x', /starts a shell \(bash\)/],
    ['/usr/bin/node server.js', /local program "node": serve that with berth bridge/],
    ['npx --registry=x pkg', /npx has the option --registry/],
    ['npx -y', /names no package/],
    ['uvx --with a b', /uvx has the option --with/],
    ['uvx pkg[cli]', /extras/],
  ])('%s is none', (line, reason) => {
    expect(packageOf(line.split(' '))).toMatch(reason);
  });
});

describe('the file of a client', () => {
  it('is read whichever client it is of', () => {
    for (const client of CLIENTS) {
      const target = { name: 'remote', url: 'https://mcp.example.com/mcp' };
      const program = { command: 'npx', args: ['-y', 'pkg@1'] };
      const path = `x.${client.format === 'jsonc' ? 'json' : client.format}`;
      const asProgram = snippet(
        clientEdits({ client, targets: [target], relay: () => program, asProgram: true }),
        client,
      );
      expect(imported(asProgram, path)[0]?.spec, client.id).toEqual({
        name: 'remote',
        source: { npm: { name: 'pkg', version: '1' } },
      });
      if (!client.remote) continue;
      const keyed = { ...target, keyVariable: client.extra ? undefined : 'TOKEN' };
      const { keyVariable, ...plain } = keyed;
      const given = client.takesReference && keyVariable !== undefined ? { ...plain, keyVariable } : plain;
      const text = snippet(clientEdits({ client, targets: [given], relay: () => undefined }), client);
      const [one] = imported(text, path);
      expect(one?.spec?.source, client.id).toMatchObject({
        remote: {
          url: 'https://mcp.example.com/mcp',
          ...('keyVariable' in given && { headers: { Authorization: 'Bearer env:TOKEN' } }),
        },
      });
    }
  });

  it('keeps secrets out of the specification', () => {
    const [one, two] = imported(
      JSON.stringify({
        mcpServers: {
          'My Search!': {
            command: 'npx',
            args: ['-y', 'search'],
            env: {
              SEARCH_API_KEY: 'canary-1',
              REGION: 'eu',
              OTHER: 'ghp_0123456789abcdef',
              FROM: `\${env:HOME_TOKEN}`,
            },
          },
          remote: {
            url: 'https://mcp.example.com/mcp',
            type: 'sse',
            headers: { Authorization: 'Bearer canary-2', 'X-Api': '$API' },
          },
        },
      }),
    );
    expect(one?.spec).toEqual({
      name: 'my-search',
      source: { npm: { name: 'search' } },
      env: { REGION: 'eu' },
      secrets: {
        SEARCH_API_KEY: 'file:/secrets/env.SEARCH_API_KEY',
        OTHER: 'file:/secrets/env.OTHER',
        FROM: 'env:HOME_TOKEN',
      },
    });
    expect(one?.inline.map(({ name }) => name)).toEqual(['SEARCH_API_KEY', 'OTHER']);
    expect(two?.spec?.source).toEqual({
      remote: {
        url: 'https://mcp.example.com/mcp',
        transport: 'sse',
        headers: { Authorization: 'Bearer file:/secrets/header.Authorization', 'X-Api': 'env:API' },
      },
    });
    expect(two?.inline).toEqual([{ kind: 'header', name: 'Authorization', value: 'canary-2' }]);
    expect(JSON.stringify([one?.spec, two?.spec])).not.toContain('canary');
  });

  it.each([
    [{ command: 'npx -y pkg | tee log' }, 'which only a shell understands'],
    [
      { command: 'npx', args: ['-y', 'pkg', '--api-key=canary-long-enough'] },
      'argument 1 looks like a secret',
    ],
    [{ command: 'npx', args: ['pkg', 'postgres://ada:canary@db/x'] }, 'argument 1 looks like a secret'],
    [{ command: 'npx', args: ['pkg', `\${workspaceFolder}`] }, 'filled in by the client'],
    [{ command: 'npx', args: ['pkg'], env: { A: `\${input:a}` } }, 'A is to be filled in by the client'],
    [{ url: `https://\${host}/mcp` }, 'its URL is to be filled in'],
    [{ type: 'x' }, 'neither a command nor a URL'],
  ])('says why %j cannot be taken over', (entry, reason) => {
    const [one] = imported(JSON.stringify({ servers: { a: entry } }));
    expect(one?.spec).toBeUndefined();
    expect(one?.problem).toContain(reason);
    expect(one?.problem).not.toContain('canary');
  });

  it('is refused when there are no servers in it', () => {
    expect(() => readServers('{"a":1}', 'x.json')).toThrow(/no servers of MCP/);
    expect(() => readServers('a = ', 'x.toml')).toThrow(/no TOML/);
  });

  it('takes a command of several words, and lists of servers', () => {
    expect(imported('{"mcpServers":{"a":{"command":"npx -y pkg \'a b\'"}}}')[0]?.spec?.args).toEqual(['a b']);
    expect(
      imported('mcpServers:\n  - name: a\n    command: uvx\n    args: [pkg]\n', 'c.yaml')[0]?.spec?.name,
    ).toBe('a');
    expect(readServers('{"mcpServers":{"a":{"command":"x","disabled":true}}}', 'x.json')[0]?.disabled).toBe(
      true,
    );
  });
});

describe('the name of an imported server', () => {
  it.each([
    ['My Server', 'my-server'],
    ['@scope/pkg', 'scope-pkg'],
    ['---', 'server'],
    ['x'.repeat(80), 'x'.repeat(52)],
  ])('%j becomes %j', (name, label) => {
    expect(toServerName(name)).toBe(label);
  });
});
