/** `berth catalog`: the catalogue from the command line. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMachine } from './system-double.ts';

const own = (slug: string) => ({
  slug,
  source: { npm: { name: `${slug}-mcp`, version: '1.0.0' } },
  tags: ['zebra'],
});

async function withOwn(...slugs: string[]) {
  const machine = await createMachine();
  machine.files['own.json'] = JSON.stringify({ version: '1.0', templates: slugs.map(own) });
  await machine.berth('catalog', 'import', 'own.json');
  return machine;
}

describe('berth catalog list', () => {
  it('has a line for each template, and says whether it has been seen to work', async () => {
    const { berth, templates } = await createMachine();
    const { code, out } = await berth('catalog', 'list');
    const lines = out.trimEnd().split('\n');
    expect([code, lines.length]).toEqual([0, templates.size + 1]);
    expect(lines[0]).toMatch(/^TEMPLATE +TYPE +CATEGORY +STATUS +VERIFIED +WHAT$/);
    expect(lines.find((line) => line.startsWith('time '))).toMatch(
      /pypi +utilities +active +yes +Current time/,
    );
    expect(lines.find((line) => line.startsWith('linear '))).toMatch(/remote +productivity +active +no /);
    expect((await berth('catalog', 'ls')).out).toBe(out);
    expect((await berth('templates')).out).toBe(out);
  });

  it.each([
    [['--category', 'reasoning'], ['sequential-thinking']],
    [['--type', 'oci'], ['archon-core']],
    [
      ['--tag', 'jira', 'timezone', '--type', 'pypi'],
      ['atlassian', 'time'],
    ],
    [['--tool', 'convert_time'], ['time']],
    [['--status', 'deprecated'], ['github']],
    [['--custom'], []],
  ])('with %j has %j', async (options, expected) => {
    const { berth } = await createMachine();
    const { code, out } = await berth('catalog', 'list', ...options, '-o', 'name');
    expect([code, out]).toEqual([0, expected.map((slug) => `${slug}\n`).join('')]);
  });

  it('is written in every form', async () => {
    const { berth } = await createMachine();
    const in_ = async (format: string) => (await berth('catalog', 'list', '--type', 'oci', '-o', format)).out;
    expect(JSON.parse(await in_('json'))).toMatchObject([{ slug: 'archon-core', verified: false }]);
    expect(parse(await in_('yaml'))).toEqual(JSON.parse(await in_('json')));
    expect(await in_('wide')).toContain('oci:archon-mcp:latest');
    expect(JSON.parse((await berth('catalog', 'list', '--category', 'none', '-o', 'json')).out)).toEqual([]);
  });

  it('refuses an unknown word with what it may be', async () => {
    const { berth } = await createMachine();
    const { code, err } = await berth('catalog', 'list', '--tier', 'best');
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('must be one of reference, official, community'),
    ]);
  });
});

describe('berth catalog search', () => {
  it('finds by what people say', async () => {
    const { berth } = await createMachine();
    expect((await berth('catalog', 'search', 'read', 'pdf', '-o', 'name')).out.split('\n')[0]).toBe(
      'markitdown',
    );
  });

  it('says where to look when nothing fits', async () => {
    const { berth } = await createMachine();
    const { code, err } = await berth('catalog', 'search', 'qqqqqq');
    expect([code, err]).toEqual([0, 'Nothing fits. All templates: berth catalog list\n']);
  });
});

describe('berth catalog show', () => {
  it('tells what it takes, what it offers, and whether it works', async () => {
    const { berth } = await createMachine();
    const { out } = await berth('catalog', 'show', 'brave-search');
    expect(out).toContain('npm:@brave/brave-search-mcp-server 2.1.4');
    expect(out).toMatch(/BRAVE_API_KEY +required, secret/);
    expect(out).toMatch(/verified: installed and started on \d{4}-\d\d-\d\d/);
    expect(out).toContain('brave_web_search');
    expect((await berth('get', 'template', 'brave-search')).out).toBe(out);
  });

  it('warns, and says what is unverified or out of use', async () => {
    const { berth } = await createMachine();
    expect((await berth('catalog', 'show', 'desktop-commander')).out).toContain('warning: Runs any command');
    expect((await berth('catalog', 'show', 'linear')).out).toContain(
      'unverified: there is no package to install and start',
    );
    expect((await berth('catalog', 'show', 'github')).out).toContain(
      'deprecated: Archived upstream: use github-hosted',
    );
  });

  it('names similar ones for a name that there is not', async () => {
    const { berth } = await createMachine();
    const { code, err } = await berth('catalog', 'show', 'brave');
    expect([code, err]).toEqual([1, expect.stringContaining('Did you mean brave-search?')]);
  });
});

describe('templates as files', () => {
  it('are added, shown, changed and taken back', async () => {
    const machine = await withOwn('own', 'own-2');
    const { berth } = machine;
    expect(machine.screen.out).toBe('+ own\n+ own-2\n');
    expect((await berth('catalog', 'search', 'zebra', '-o', 'name')).out).toBe('own\nown-2\n');
    const again = await berth('catalog', 'import', 'own.json');
    expect([again.code, again.err]).toEqual([
      1,
      expect.stringContaining('✗ own: there is a template own already'),
    ]);
    expect((await berth('catalog', 'import', '--replace', 'own.json')).code).toBe(0);
    expect((await berth('catalog', 'rm', 'own')).code).toBe(0);
    const history = await berth('catalog', 'history', 'own');
    expect(history.out).toMatch(/3 .*removed\n2 .*replaced\n1 .*registered/);
    expect((await berth('catalog', 'rm', 'time')).code).toBe(1);
  });

  it('come back as they went', async () => {
    const { berth, files } = await withOwn('own');
    const file = await berth('catalog', 'export', '--custom', '-o', 'json');
    await berth('catalog', 'rm', 'own');
    files['back.json'] = file.out;
    expect((await berth('catalog', 'import', 'back.json')).out).toBe('+ own\n');
    expect((await berth('catalog', 'export', '--custom', '-o', 'json')).out).toBe(file.out);
    expect(
      JSON.parse((await berth('catalog', 'export', 'time', '--format', 'registry', '-o', 'json')).out),
    ).toMatchObject({
      servers: [{ server: { name: 'dev.berth/time' } }],
    });
  });

  it('larger than one request are sent in parts', async () => {
    const machine = await createMachine();
    const large = Array.from({ length: 40 }, (_, index) => ({
      server: JSON.parse(documentText(`big-${index}`)),
      readme: 'x'.repeat(20_000),
    }));
    machine.files['large.json'] = JSON.stringify({ version: '1.0', templates: large });
    const { code } = await machine.berth('catalog', 'import', 'large.json');
    expect(code).toBe(0);
    expect(machine.sent.filter(({ url }) => url.includes('/import')).length).toBeGreaterThan(1);
    expect((await machine.berth('catalog', 'list', '--custom', '-o', 'name')).out.split('\n')).toHaveLength(
      41,
    );
  });

  it('are checked without being added', async () => {
    const machine = await createMachine();
    machine.files['good.json'] = JSON.stringify(own('own'));
    machine.files['bad.json'] = JSON.stringify({ name: 'x', description: 'y', version: '1' });
    expect(await machine.berth('catalog', 'validate', 'good.json')).toMatchObject({
      code: 0,
      out: 'own is valid\n',
    });
    const bad = await machine.berth('catalog', 'validate', 'bad.json');
    expect([bad.code, bad.err]).toEqual([1, expect.stringContaining('/name')]);
    expect((await machine.berth('catalog', 'list', '--custom', '-o', 'name')).out).toBe('');
  });

  it.each([
    ['that is not there', undefined, 'cannot be read'],
    ['that is no JSON', '{', 'is not valid JSON'],
  ])('%s are refused', async (_what, text, message) => {
    const machine = await createMachine();
    if (text !== undefined) machine.files['x.json'] = text;
    const { code, err } = await machine.berth('catalog', 'import', 'x.json');
    expect([code, err]).toEqual([1, expect.stringContaining(message)]);
  });

  it('are counted', async () => {
    const { berth, templates } = await withOwn('own');
    const { out } = await berth('catalog', 'stats');
    expect(out).toMatch(new RegExp(`templates +${templates.size}\n`));
    expect(JSON.parse((await berth('catalog', 'stats', '-o', 'json')).out)).toMatchObject({ custom: 1 });
  });
});

function documentText(slug: string): string {
  return JSON.stringify({
    name: `com.example/${slug}`,
    description: 'x',
    version: '1.0.0',
    packages: [{ registryType: 'npm', identifier: slug, version: '1.0.0', transport: { type: 'stdio' } }],
  });
}
