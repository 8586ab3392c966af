/** What a template of one's own may say: no more than its author could ask of a server. */
import { describe, expect, it } from 'vitest';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { checkTemplateRights } from '../../src/servers/template-gate.ts';
import { readTemplate } from '../../src/templates/portable.ts';

const rules = { allow: { npm: true, pypi: true, remote: true }, remote: createRemotePolicy([]) };
const npm = { slug: 'own', source: { npm: { name: 'some-package', version: '1.0.0' } } };
const extras = (more: object) => ({
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'com.example/own',
  description: 'x',
  version: '1.0.0',
  packages: [
    { registryType: 'pypi', identifier: 'some-package', version: '1.0.0', transport: { type: 'stdio' } },
  ],
  _meta: {
    'io.modelcontextprotocol.registry/publisher-provided': {
      'dev.berth/template': {
        v: 1,
        slug: 'own',
        category: 'x',
        tags: [],
        tier: 'community',
        status: 'active',
        ...more,
      },
    },
  },
});
const check = (value: unknown, with_ = rules) => checkTemplateRights(readTemplate(value), with_);

describe('a template of one’s own', () => {
  it('comes from no package that is not let in', () => {
    const packages = { allow: ['npm:@acme/*'], block: [], npmSignatures: 'offered' } as const;
    expect(() => check(npm, { ...rules, packages } as typeof rules)).toThrow(
      'npm:some-package@1.0.0 is not among',
    );
  });

  it('may be what a server may be', () => {
    expect(() => check(npm)).not.toThrow();
    expect(() => check({ ...npm, env: ['CITY'] })).not.toThrow();
    expect(() =>
      check({ slug: 'far', source: { remote: { url: 'https://mcp.example.com/mcp' } } }),
    ).not.toThrow();
    expect(() => check(extras({ runner: { constraints: ['mcp<2'], bin: 'run' } }))).not.toThrow();
  });

  it.each([
    ['install scripts', extras({ runner: { allowInstallScripts: true } }), 'not-allowed'],
    ['a variable that loaders obey', { ...npm, env: ['NODE_OPTIONS'] }, 'bad-input'],
    ['a variable that is none', { ...npm, env: ['not a name'] }, 'bad-input'],
    [
      'a home file for such a variable',
      extras({ runner: { homeFiles: { LD_PRELOAD: 'x.so' } } }),
      'bad-input',
    ],
    [
      'a package that is an option',
      { ...npm, source: { npm: { name: '--registry=x', version: '1.0.0' } } },
      'bad-input',
    ],
    ['a package that is a folder', { ...npm, source: { npm: { name: '../x' } } }, 'bad-input'],
    ['a program that is a path', extras({ runner: { bin: '../../bin/sh' } }), 'bad-input'],
    [
      'a constraint with a URL',
      extras({ runner: { constraints: ['x @ https://example.com/x.whl'] } }),
      'bad-input',
    ],
    [
      'a remote server on this machine',
      { slug: 'far', source: { remote: { url: 'https://127.0.0.1/mcp' } } },
      'not-allowed',
    ],
    [
      'a remote server without TLS',
      { slug: 'far', source: { remote: { url: 'http://mcp.example.com/mcp' } } },
      'not-allowed',
    ],
    [
      'a credential in a URL',
      { slug: 'far', source: { remote: { url: 'https://u:p@mcp.example.com/' } } },
      'bad-input',
    ],
  ])('may not have %s', (_what, value, code) => {
    expect(() => check(value)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['npm', npm],
    ['pypi', extras({})],
    ['remote', { slug: 'far', source: { remote: { url: 'https://mcp.example.com/mcp' } } }],
  ] as const)('of %s needs the operator’s leave, as such a server does', (gate, value) => {
    const closed = { ...rules, allow: { ...rules.allow, [gate]: false } };
    expect(() => check(value, closed)).toThrow(expect.objectContaining({ code: 'not-allowed' }));
  });
});
