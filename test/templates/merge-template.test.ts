/** A template that is another one with some things said differently. */
import { describe, expect, it } from 'vitest';
import { mergeTemplates } from '../../src/templates/merge-template.ts';
import { readTemplate } from '../../src/templates/portable.ts';
import { runnablePackage } from '../../src/templates/template.ts';

const META = 'io.modelcontextprotocol.registry/publisher-provided';
const base = readTemplate({
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'com.example/base',
  title: 'Base',
  description: 'A base',
  version: '1.0.0',
  'x-kept': true,
  packages: [
    {
      registryType: 'npm',
      identifier: 'base-mcp',
      version: '1.0.0',
      packageArguments: [{ type: 'positional', value: 'serve' }],
      environmentVariables: [
        { name: 'A', default: '1' },
        { name: 'B', description: 'of the base', isRequired: true },
      ],
      transport: { type: 'stdio' },
    },
  ],
  _meta: {
    [META]: {
      'com.example/other': { kept: 1 },
      'dev.berth/template': {
        v: 1,
        slug: 'base',
        category: 'x',
        tags: ['b', 'a'],
        tier: 'official',
        status: 'active',
        runner: { node: '>=20', argStyle: 'separate' },
        tools: [{ name: 'one', description: 'of the base' }],
      },
    },
  },
});

describe('a merge', () => {
  const merged = mergeTemplates(
    base,
    {
      title: 'Mine',
      packages: [
        {
          environmentVariables: [
            { name: 'B', default: '2' },
            { name: 'C', isSecret: true },
          ],
          packageArguments: [{ type: 'positional', value: 'other' }],
        },
      ],
      _meta: {
        [META]: {
          'dev.berth/template': {
            tags: ['c', 'a'],
            runner: { bin: 'x' },
            tools: [{ name: 'one', description: 'mine' }, { name: 'two' }],
          },
        },
      },
    },
    'mine',
  );

  it('has variables by name, and arguments of the overlay alone', () => {
    expect(runnablePackage(merged).definition).toMatchObject({
      identifier: 'base-mcp',
      version: '1.0.0',
      packageArguments: [{ value: 'other' }],
      environmentVariables: [
        { name: 'A', default: '1' },
        { name: 'B', description: 'of the base', isRequired: true, default: '2' },
        { name: 'C', isSecret: true },
      ],
    });
  });

  it('has the tags of both in their order, and tools by name', () => {
    expect(merged.extras).toMatchObject({
      slug: 'mine',
      category: 'x',
      tier: 'official',
      tags: ['b', 'a', 'c'],
      runner: { node: '>=20', argStyle: 'separate', bin: 'x' },
      tools: [{ name: 'one', description: 'mine' }, { name: 'two' }],
    });
  });

  it('has a name of its own and everything else of the base', () => {
    expect(merged.document).toMatchObject({
      name: 'dev.berth.custom/mine',
      title: 'Mine',
      description: 'A base',
      'x-kept': true,
    });
    expect(merged.document._meta?.[META]?.['com.example/other']).toEqual({ kept: 1 });
    expect(base.slug).toBe('base');
  });

  it('leaves the base as it was', () => {
    expect(runnablePackage(base).definition.environmentVariables).toHaveLength(2);
    expect(base.extras.tags).toEqual(['b', 'a']);
  });

  it.each([['text'], [null], [{ packages: 'x' }], [{ version: '^1' }]])('refuses %j', (overlay) => {
    expect(() => mergeTemplates(base, overlay, 'mine')).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    );
  });
});
