import { describe, expect, it } from 'vitest';
import { UID } from '../../src/cluster/objects/places.ts';
import type { BerthError } from '../../src/errors.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { checkWorkload } from '../../src/servers/workload-check.ts';
import { loadSettings } from '../../src/settings/load.ts';
import { loadCatalogue, TemplateCatalogue } from '../../src/templates/catalogue.ts';

const rules = {
  templates: new TemplateCatalogue([]),
  allow: { npm: true, pypi: true, remote: true, images: true },
  remote: createRemotePolicy([]),
};
const npm = { source: { npm: { name: 'some-package' } } };
const image = (given: object, more: object = {}): object => ({
  source: { image: { image: 'ghcr.io/acme/mcp-files:1', entrypoint: ['/bin/mcp'], ...given } },
  ...more,
});
const check = (spec: object, allow: object = {}): void =>
  checkWorkload(parseServerSpec(spec), { ...rules, allow: { ...rules.allow, ...allow } });
const refusal = (spec: object): BerthError => {
  try {
    check(spec);
  } catch (error) {
    return error as BerthError;
  }
  throw new Error('it was taken');
};

describe('a specification for a cluster', () => {
  it.each([
    ['a package', npm],
    ['an image with its program', image({})],
    ['an image that speaks HTTP', image({ entrypoint: undefined }, { transport: 'http', port: 8080 })],
    [
      'an image that speaks WebSocket',
      image({ entrypoint: undefined }, { transport: 'websocket', port: 80 }),
    ],
    ['a range of addresses', { ...npm, network: { egress: 'allow', allow: [{ cidr: '10.1.0.0/16' }] } }],
    ['a server without network', { ...npm, network: { egress: 'none' } }],
    ["Archon's server", { source: { archon: { image: 'archon-mcp:1' } }, transport: 'sse' }],
    ['a script', { name: 'x', source: { script: { runtime: 'node', code: '1' } } }],
    ['a folder to write to', image({ writablePaths: ['/var/cache/mcp', '/system'], runAsUser: 1_000 })],
  ])('may be %s', (_what, spec) => {
    check(spec);
  });

  it('may have variables of a template from ConfigMaps, but for its secrets', async () => {
    const templates = await loadCatalogue(new URL('../../registry-templates/', import.meta.url).pathname);
    const checked = (spec: object) => checkWorkload(parseServerSpec(spec), { ...rules, templates });
    const ref = { name: 'words', key: 'a' };
    const plain = { template: 'brave-search', secrets: { BRAVE_API_KEY: 'secret:brave/token' } };
    checked({ ...plain, configMaps: { BRAVE_MCP_LOG_LEVEL: ref } });
    expect(() => checked({ template: 'brave-search', configMaps: { BRAVE_API_KEY: ref } })).toThrow(
      /BRAVE_API_KEY is secret: a ConfigMap is not/,
    );
    expect(() => checked({ ...plain, env: { A: '1' }, configMaps: { A: ref } })).toThrow(
      /given in env or secrets too/,
    );
  });

  it('may be a template of what is no package, which one machine refuses', async () => {
    const templates = await loadCatalogue(new URL('../../registry-templates/', import.meta.url).pathname);
    const spec = parseServerSpec({ template: 'archon-core', env: { LOG_LEVEL: 'DEBUG' } });
    checkWorkload(spec, { ...rules, templates });
    expect(() => planServer(spec, { ...rules, templates })).toThrow(
      /only a gateway in a Kubernetes cluster runs/,
    );
    const versioned = parseServerSpec({ template: 'archon-core', version: '1.0.0' });
    expect(() => checkWorkload(versioned, { ...rules, templates })).toThrow(/version is nothing that/);
  });

  const cidrs = [{ cidr: '10.1.0.0/16' }];
  it.each([
    ['ranges without egress', { ...npm, network: { allow: cidrs } }, '/network/allow', 'egress allow'],
    [
      'ranges beside public egress',
      { ...npm, network: { egress: 'public', allow: cidrs } },
      '/network/allow',
      'egress allow',
    ],
    [
      "the supervisor's user",
      image({ runAsUser: UID.supervisor }),
      '/source/image/runAsUser',
      'is the user id of the supervisor',
    ],
    ['a WebSocket image without its port', image({}, { transport: 'websocket' }), '/port', 'is required'],
    ['an HTTP image without its port', image({}, { transport: 'http' }), '/port', 'is required'],
    ['an SSE image without its port', image({}, { transport: 'sse' }), '/port', 'is required'],
    [
      'a stdio image without its program',
      image({ entrypoint: undefined }),
      '/source/image/entrypoint',
      'is required',
    ],
    [
      'a program that must be looked for',
      image({ entrypoint: ['mcp'] }),
      '/source/image/entrypoint',
      'absolute path',
    ],
    ['a package that speaks HTTP', { ...npm, transport: 'http' }, '/transport', 'stdio'],
    [
      'a script that speaks SSE',
      { name: 'x', source: { script: { runtime: 'node', code: '1' } }, transport: 'sse' },
      '/transport',
      'stdio',
    ],
    [
      "the kernel's folders",
      image({ writablePaths: ['/tmp', '/proc/self'] }),
      '/source/image/writablePaths/1',
      'may not be written',
    ],
    [
      "Berth's own folders",
      image({ writablePaths: ['/run/berth/link'] }),
      '/source/image/writablePaths/0',
      'may not be written',
    ],
  ])('may not have %s', (_what, spec, pointer, detail) => {
    const { code, message, details } = refusal(spec);
    expect(code).toBe('bad-input');
    expect(details.fields).toEqual([{ pointer, detail: expect.stringContaining(detail) }]);
    expect(message).toContain(detail);
  });

  it('names every fault at once', () => {
    const spec = image(
      { runAsUser: 10_001, entrypoint: undefined },
      { network: { allow: [{ cidr: '::/0' }] } },
    );
    expect(refusal(spec).details.fields?.map(({ pointer }) => pointer)).toEqual([
      '/network/allow',
      '/source/image/runAsUser',
      '/source/image/entrypoint',
    ]);
  });

  it('is told first that images are not allowed', () => {
    expect(() => check(image({ runAsUser: 10_001 }), { images: false })).toThrow(/not allowed here/);
  });

  it.each([
    [{}, 'not-allowed'],
    [{ MCP_ALLOW_CUSTOM_IMAGES: 'false' }, 'not-allowed'],
    [{ BERTH_ALLOW_IMAGES: 'false', MCP_ALLOW_CUSTOM_IMAGES: 'true' }, 'not-allowed'],
    [{ MCP_ALLOW_CUSTOM_IMAGES: 'true' }, undefined],
  ])('may be an image where the settings %j say so', (env, code) => {
    const { allow } = loadSettings({ env });
    const act = () => check(image({}), allow);
    if (code === undefined) act();
    else expect(act).toThrow(expect.objectContaining({ code }));
    check(npm, allow);
  });
});
