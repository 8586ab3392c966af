import { beforeAll, describe, expect, it } from 'vitest';
import type { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { loadCatalogue } from '../../src/templates/catalogue.ts';
import { fillTemplate } from '../../src/templates/fill-template.ts';
import { parseTemplate } from '../../src/templates/template.ts';

let catalogue: TemplateCatalogue;
beforeAll(async () => {
  catalogue = await loadCatalogue(new URL('../../registry-templates/', import.meta.url).pathname);
});

interface Given {
  args?: string[];
  env?: Record<string, string>;
  secretNames?: string[];
  version?: string;
  inCluster?: boolean;
}

const fill = (slug: string, given: Given = {}) =>
  fillTemplate(catalogue.get(slug), { args: [], env: {}, secretNames: [], ...given });

describe('required inputs', () => {
  it('name a missing secret and how to give it', () => {
    expect(() => fill('brave-search')).toThrow(
      expect.objectContaining({
        code: 'missing-input',
        message: 'brave-search needs BRAVE_API_KEY (secret)',
        hint: 'Give it as a reference: berth run brave-search --secret BRAVE_API_KEY=env:BRAVE_API_KEY or file:/path/to/key',
      }),
    );
  });

  it('name it as a Secret of the cluster there', () => {
    expect(() => fill('brave-search', { inCluster: true })).toThrow(
      expect.objectContaining({
        hint: 'Give it as a reference: berth run brave-search --secret BRAVE_API_KEY=secret:NAME/KEY, to a Secret beside the server that is labelled berth.dev/usable=true; in an MCPServer in spec.secrets.',
      }),
    );
  });

  it('name a missing argument', () => {
    expect(() => fill('filesystem')).toThrow(
      expect.objectContaining({
        message: 'filesystem needs directory (argument)',
        hint: 'Give it: berth run filesystem -- /srv/files',
      }),
    );
    expect(fill('filesystem', { args: ['/tmp', '/srv'] }).args).toEqual(['/tmp', '/srv']);
  });

  it('refuse a literal for a secret without repeating it', () => {
    const thrown = (() => {
      try {
        return fill('github', { env: { GITHUB_PERSONAL_ACCESS_TOKEN: 'ghp_canary' } });
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({
      code: 'bad-input',
      details: { fields: [{ pointer: '/env/GITHUB_PERSONAL_ACCESS_TOKEN' }] },
    });
    expect(JSON.stringify(thrown) + String(thrown)).not.toContain('canary');
  });

  it('accept any one of the alternatives', () => {
    const text = JSON.stringify(catalogue.get('time').document);
    const document = JSON.parse(text);
    const extras =
      document._meta['io.modelcontextprotocol.registry/publisher-provided']['dev.berth/template'];
    extras.inputs = { anyOf: [['TOKEN'], ['USER', 'PASSWORD']] };
    const template = parseTemplate('time', JSON.stringify(document));
    const attempt = (secretNames: string[]) => () =>
      fillTemplate(template, { args: [], env: {}, secretNames });
    expect(attempt([])).toThrow('time needs TOKEN, or USER and PASSWORD');
    expect(attempt(['USER'])).toThrow();
    expect(attempt(['TOKEN'])).not.toThrow();
    expect(attempt(['USER', 'PASSWORD'])).not.toThrow();
  });
});

describe('what a template fixes and suggests', () => {
  it('puts fixed values in and does not let them be replaced', () => {
    const secretNames = ['BRAVE_API_KEY'];
    expect(fill('brave-search', { secretNames }).env).toEqual({ BRAVE_MCP_TRANSPORT: 'stdio' });
    expect(() => fill('brave-search', { secretNames, env: { BRAVE_MCP_TRANSPORT: 'http' } })).toThrow(
      /fixed by the template/,
    );
    expect(fill('everything').args).toEqual(['stdio']);
  });

  it('lets a given flag replace the default one, in both spellings', () => {
    const secretNames = ['DATABASE_URI'];
    expect(fill('postgres', { secretNames }).args).toEqual(['--access-mode=restricted']);
    const args = ['--access-mode=unrestricted'];
    expect(fill('postgres', { secretNames, args }).args).toEqual(args);
    expect(fill('postgres', { secretNames, args: ['--access-mode', 'unrestricted'] }).args).toEqual([
      '--access-mode',
      'unrestricted',
    ]);
    expect(() => fill('postgres', { secretNames, args: ['--access-mode', 'root'] })).toThrow(
      /must be one of restricted, unrestricted/,
    );
  });

  it('renders a switch as its name alone', () => {
    expect(fill('playwright').args).toEqual(['--headless', '--isolated']);
  });

  it('takes further variables, and defaults only for what is not given', () => {
    expect(fill('sequential-thinking', { env: { EXTRA: '1' } }).env).toEqual({
      DISABLE_THOUGHT_LOGGING: 'true',
      EXTRA: '1',
    });
    expect(fill('sequential-thinking', { env: { DISABLE_THOUGHT_LOGGING: 'false' } }).env).toEqual({
      DISABLE_THOUGHT_LOGGING: 'false',
    });
  });

  it('keeps state in the private home unless told where', () => {
    expect(fill('memory').homeFiles).toEqual({ MEMORY_FILE_PATH: 'memory.jsonl' });
    expect(fill('memory', { env: { MEMORY_FILE_PATH: '/srv/graph' } }).homeFiles).toEqual({});
  });

  it('passes package, version and resolver constraints on', () => {
    expect(fill('postgres', { secretNames: ['DATABASE_URI'] }).source).toEqual({
      ecosystem: 'pypi',
      name: 'postgres-mcp',
      version: '0.3.0',
      constraints: ['mcp<2'],
      overrides: ['pglast>=7.20,<8'],
    });
    expect(fill('time', { version: '2026.9.1' }).source).toMatchObject({ version: '2026.9.1' });
  });

  it('refuses what one machine has no runtime for, with the reason', () => {
    expect(() => fill('archon-core')).toThrow(
      expect.objectContaining({
        code: 'not-allowed',
        message: expect.stringContaining('only a gateway in a Kubernetes cluster runs'),
      }),
    );
  });
});

it('joins a named value as the template asks', () => {
  const document = JSON.parse(JSON.stringify(catalogue.get('git').document));
  document.packages[0].packageArguments[0].default = '/srv/r';
  const parsed = parseTemplate('git', JSON.stringify(document));
  const empty = { args: [], env: {}, secretNames: [] };
  expect(fillTemplate(parsed, empty).args).toEqual(['--repository', '/srv/r']);
  const extras = document._meta['io.modelcontextprotocol.registry/publisher-provided']['dev.berth/template'];
  extras.runner.argStyle = 'equals';
  expect(fillTemplate(parseTemplate('git', JSON.stringify(document)), empty).args).toEqual([
    '--repository=/srv/r',
  ]);
});
