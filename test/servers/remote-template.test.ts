/** Templates of servers that somebody else runs: what was given by reference becomes their headers. */
import { describe, expect, it } from 'vitest';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { planServer } from '../../src/servers/server-plan.ts';
import { parseServerSpec } from '../../src/servers/server-spec.ts';
import { TemplateCatalogue } from '../../src/templates/catalogue.ts';
import { readTemplate } from '../../src/templates/portable.ts';
import { builtIn } from '../templates/support.ts';

const templates = await builtIn();
const rules = {
  templates,
  allow: { npm: true, pypi: true, remote: true },
  remote: createRemotePolicy([]),
};
const plan = (spec: Record<string, unknown>, more = rules) => planServer(parseServerSpec(spec), more);

describe('a template of a remote server', () => {
  it('becomes that server, with the secret as its bearer token', () => {
    expect(plan({ template: 'linear', secrets: { LINEAR_API_KEY: 'env:MY_KEY' } }).remote).toEqual({
      url: 'https://mcp.linear.app/mcp',
      transport: 'streamable-http',
      headers: { Authorization: { fromEnv: 'MY_KEY', scheme: 'Bearer' } },
    });
  });

  it('needs no secret that is optional', () => {
    expect(plan({ template: 'hugging-face' }).remote?.headers).toEqual({});
    expect(plan({ template: 'deepwiki' }).remote?.url).toBe('https://mcp.deepwiki.com/mcp');
  });

  it('says which secret is missing, and the command that would have worked', () => {
    expect(() => plan({ template: 'linear' })).toThrow(
      expect.objectContaining({
        code: 'missing-input',
        message: 'linear needs LINEAR_API_KEY (secret)',
        details: expect.objectContaining({
          hint: expect.stringContaining('berth run linear --secret LINEAR_API_KEY=env:LINEAR_API_KEY'),
        }),
      }),
    );
  });

  it.each([
    [{ args: ['x'] }, 'bad-input'],
    [{ env: { A: 'b' } }, 'bad-input'],
    [{ version: '2.0.0' }, 'bad-input'],
    [{ secrets: { OTHER: 'env:OTHER' } }, 'bad-input'],
  ])('refuses %j', (more, code) => {
    expect(() => plan({ template: 'deepwiki', ...more })).toThrow(expect.objectContaining({ code }));
  });

  it('needs the operator’s leave', () => {
    const closed = { ...rules, allow: { ...rules.allow, remote: false } };
    expect(() => plan({ template: 'deepwiki' }, closed)).toThrow(
      expect.objectContaining({ code: 'not-allowed' }),
    );
  });

  it('whose URL has gaps is refused with what to do', () => {
    const gaps = readTemplate({
      slug: 'gaps',
      source: { remote: { url: 'https://mcp.example.com/{tenant}/mcp' } },
    });
    expect(() => plan({ template: 'gaps' }, { ...rules, templates: new TemplateCatalogue([gaps]) })).toThrow(
      expect.objectContaining({
        code: 'not-allowed',
        message: expect.stringContaining('has to be filled in'),
      }),
    );
  });

  it('of the catalogue can each be had', () => {
    for (const template of templates.list({ type: 'remote' })) {
      const names = (template.document.remotes?.[0]?.headers ?? []).flatMap(({ variables }) =>
        Object.keys(variables ?? {}),
      );
      const secrets = Object.fromEntries(names.map((name) => [name, `env:${name}`]));
      expect(plan({ template: template.slug, secrets }).remote?.url).toMatch(/^https:\/\//);
    }
  });
});
