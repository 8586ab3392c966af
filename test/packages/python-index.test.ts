import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPypiSettings, parsePipConfig, parseUvIndex } from '../../src/packages/pypi-config.ts';
import { parseSimplePage } from '../../src/packages/simple-page.ts';
import { readWheelFile } from '../../src/packages/wheel-file.ts';
import { toZip } from '../support/archives.ts';

const BASE = new URL('http://user:secret@127.0.0.1:4000/simple/uv/');

describe('a project page', () => {
  it('is read as HTML', () => {
    const text =
      '<a href="../../files/uv-1.whl#sha256=ab" data-x="&gt;=3">uv-1.whl</a> <A class="y" HREF="https://127.0.0.2/uv-2.whl?a=1&amp;b=2"> uv-2.whl </A>';
    expect(parseSimplePage(text, 'text/html', BASE).map(({ name, url }) => [name, url.href])).toEqual([
      ['uv-1.whl', 'http://user:secret@127.0.0.1:4000/files/uv-1.whl'],
      ['uv-2.whl', 'https://127.0.0.2/uv-2.whl?a=1&b=2'],
    ]);
  });

  it('is read as JSON, leaving out what is no file', () => {
    const files = [
      { filename: 'uv-1.whl', url: 'uv-1.whl' },
      { filename: 3 },
      { filename: 'x', url: 'file:///etc/passwd' },
    ];
    const page = parseSimplePage(JSON.stringify({ files }), 'application/vnd.pypi.simple.v1+json', BASE);
    expect(page.map(({ name }) => name)).toEqual(['uv-1.whl']);
  });
});

describe('a wheel', () => {
  it.each([0, 8] as const)('gives a file by its exact name (method %i)', (method) => {
    const wheel = toZip({ 'a/b': 'first', 'x.data/scripts/uv': 'program '.repeat(100) }, method);
    expect(readWheelFile(wheel, 'x.data/scripts/uv', 10_000).toString()).toBe('program '.repeat(100));
  });

  it('is refused when it is damaged, cut, too large or no archive', () => {
    const wheel = toZip({ uv: 'program '.repeat(100) }, 0);
    const damaged = Buffer.from(wheel);
    damaged[40] = (damaged[40] ?? 0) ^ 1;
    expect(() => readWheelFile(damaged, 'uv', 10_000)).toThrow('damaged');
    expect(() => readWheelFile(wheel, 'uv', 100)).toThrow('larger');
    expect(() => readWheelFile(wheel, 'other', 100)).toThrow('no other');
    expect(() => readWheelFile(wheel.subarray(0, 300), 'uv', 10_000)).toThrow(RangeError);
    expect(() => readWheelFile(Buffer.from('text'), 'uv', 10_000)).toThrow(RangeError);
  });
});

describe('the settings of pip and uv', () => {
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'berth-pip-'));
    await mkdir(join(home, '.config', 'pip'), { recursive: true });
    await mkdir(join(home, '.config', 'uv'), { recursive: true });
  });

  afterEach(async () => {
    await rm(home, { recursive: true, force: true });
  });

  const load = (env: Record<string, string> = {}) => loadPypiSettings({ HOME: home, ...env });

  it('without any are the public index, over TLS', async () => {
    const { indexUrl, env } = await load({ PIP_CONFIG_FILE: '/dev/null' });
    expect([indexUrl.protocol, indexUrl.pathname]).toEqual(['https:', '/simple/']);
    expect(env).not.toHaveProperty('UV_DEFAULT_INDEX');
  });

  it("of pip become uv's", async () => {
    const conf =
      '[global]\nindex-url = http://127.0.0.1:1/a\nextra-index-url =\n  http://127.0.0.1:1/b\n  http://127.0.0.1:1/c\n';
    await writeFile(join(home, '.config', 'pip', 'pip.conf'), conf);
    const { indexUrl, env } = await load();
    expect(indexUrl.href).toBe('http://127.0.0.1:1/a/');
    expect(env).toMatchObject({
      UV_DEFAULT_INDEX: 'http://127.0.0.1:1/a',
      UV_EXTRA_INDEX_URL: 'http://127.0.0.1:1/b http://127.0.0.1:1/c',
    });
    expect((await load({ PIP_INDEX_URL: 'http://127.0.0.1:2/' })).indexUrl.href).toBe('http://127.0.0.1:2/');
  });

  it("of uv win over pip's, which then count for nothing", async () => {
    const pip = { PIP_INDEX_URL: 'http://127.0.0.1:2/' };
    const { indexUrl, env } = await load({ ...pip, UV_DEFAULT_INDEX: 'http://127.0.0.1:3/simple' });
    expect([indexUrl.href, env.UV_DEFAULT_INDEX]).toEqual([
      'http://127.0.0.1:3/simple/',
      'http://127.0.0.1:3/simple',
    ]);
    await writeFile(
      join(home, '.config', 'uv', 'uv.toml'),
      '[[index]]\nurl = "http://127.0.0.1:4/"\ndefault = true\n',
    );
    const fromFile = await load(pip);
    expect(fromFile.indexUrl.href).toBe('http://127.0.0.1:4/');
    expect(fromFile.env).not.toHaveProperty('UV_DEFAULT_INDEX');
  });

  it('give uv nothing of the environment but what is for it', async () => {
    const { env } = await load({
      SECRET: 'x',
      UV_PYTHON: '/evil',
      UV_INDEX_CORP_PASSWORD: 'p',
      PYTHONPATH: '/evil',
      PIP_CONFIG_FILE: '/dev/null',
    });
    expect(Object.keys(env).sort()).toEqual(
      ['HOME', 'NO_COLOR', 'UV_INDEX_CORP_PASSWORD', 'UV_NO_PROGRESS'].sort(),
    );
  });

  it('that are no URL are named', async () => {
    await expect(load({ PIP_INDEX_URL: 'not a url' })).rejects.toMatchObject({ code: 'bad-setting' });
  });

  it('are read from their files', () => {
    expect([...parsePipConfig('; c\n[freeze]\nindex-url=no\n[install]\nindex_url: yes\n')]).toEqual([
      ['index-url', 'yes'],
    ]);
    expect(parseUvIndex('index-url = "a"\n')).toBe('a');
    expect(
      parseUvIndex('[[index]]\nurl = "a"\n[[index]]\ndefault = true\nurl = "b"\n[pip]\nindex-url = "c"\n'),
    ).toBe('b');
    expect(parseUvIndex('[pip]\nindex-url = "c"\n')).toBeUndefined();
  });
});
