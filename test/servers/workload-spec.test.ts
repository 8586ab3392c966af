import { describe, expect, it } from 'vitest';
import type { BerthError } from '../../src/errors.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec, type ServerSpec } from '../../src/servers/server-spec.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';

const rules = {
  templates: new TemplateCatalogue([]),
  allow: { npm: true, pypi: true, remote: true },
  remote: createRemotePolicy([]),
};
const image = (given: object): object => ({
  source: { image: { image: 'ghcr.io/acme/mcp-files:1', ...given } },
});
const refused = (spec: object): BerthError => {
  try {
    planServer(parseServerSpec(spec), rules);
  } catch (error) {
    return error as BerthError;
  }
  throw new Error('it was planned');
};

describe('what only a cluster can give', () => {
  it.each([
    ['mcp', true],
    ['ghcr.io/acme/mcp-files:1.2.3', true],
    [`registry.local:5000/mcp@sha256:${'a'.repeat(64)}`, true],
    ['Bad Image', false],
    ['-v', false],
    ['a//b', false],
  ])('takes %s for an image: %s', (name, fine) => {
    const parse = (): ServerSpec => parseServerSpec({ name: 'x', source: { image: { image: name } } });
    if (fine) expect(parse().source?.image?.image).toBe(name);
    else expect(parse).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });

  it.each(['relative', '/a/../b', '/..', '/a:b'])('does not write to %s', (path) => {
    expect(() => parseServerSpec(image({ writablePaths: [path] }))).toThrow();
  });

  it('takes the name of an image for its server, and none of a script', () => {
    expect(parseServerSpec(image({})).name).toBe('files');
    expect(() => parseServerSpec({ source: { script: { runtime: 'node', code: '1' } } })).toThrow(/no name/);
  });

  it('takes a script from one place', () => {
    const script = (given: object): object => ({
      name: 'x',
      source: { script: { runtime: 'node', ...given } },
    });
    expect(() => parseServerSpec(script({}))).toThrow();
    expect(() => parseServerSpec(script({ code: '1', configMapRef: { name: 'a', key: 'b' } }))).toThrow();
    expect(parseServerSpec(script({ configMapRef: { name: 'a', key: 'b' } })).name).toBe('x');
  });

  it('is refused on one machine, field by field', () => {
    expect(refused(image({})).details.fields?.[0]?.pointer).toBe('/source/image');
    const configMaps = { A: { name: 'words', key: 'a' } };
    const spec = {
      ...{ source: { npm: { name: 'x' } }, replicas: 2, suspend: true, configMaps },
      limits: { drain: 5_000 },
    };
    expect(refused(spec).code).toBe('not-allowed');
    expect(refused(spec).details.fields?.map(({ pointer }) => pointer)).toEqual([
      '/replicas',
      '/suspend',
      '/configMaps',
      '/limits/drain',
    ]);
  });
});
