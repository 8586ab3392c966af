import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toLaunch } from '../../src/packages/launch.ts';
import type { InstalledTree } from '../../src/packages/package.ts';

const TREE: InstalledTree = {
  key: '0'.repeat(64),
  path: '/trees/x',
  resolved: { ecosystem: 'npm', name: 'x', version: '1.0.0', allowInstallScripts: false, constraints: [] },
  program: { file: process.execPath, args: ['--no-warnings', '/trees/x/cli.js'] },
};
const SYSTEM = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-home-'));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

describe('the command of a server', () => {
  it("is the tree's program, then the user's arguments as they are, in a private home", () => {
    const args = ['--registry=x', '-c', '$(id)', '', 'a b'];
    const launch = toLaunch(TREE, { args, env: {}, home }, {});
    expect(launch).toMatchObject({
      file: process.execPath,
      args: ['--no-warnings', '/trees/x/cli.js', ...args],
      cwd: home,
    });
  });

  it('has what a caller says behind the entry point only, whatever that is', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
      fc.constantFrom('-c', '--', '--eval=x', '--node-options=x', '--require', '$(id)', '; id', '\n-c'),
    );
    fc.assert(
      fc.property(fc.array(word), (args) => {
        const launch = toLaunch(TREE, { args, env: {}, home }, {});
        expect([launch.file, ...launch.args]).toEqual([process.execPath, ...TREE.program.args, ...args]);
      }),
    );
  });

  it('has exactly the expected environment', () => {
    const outer = {
      LANG: 'de_DE.UTF-8',
      SECRET: 'x',
      NODE_OPTIONS: '--inspect',
      npm_config_registry: 'x',
      PATH: '/evil',
    };
    expect(toLaunch(TREE, { args: [], env: { API_KEY: 'k', NODE_ENV: 'test' }, home }, outer).env).toEqual({
      LANG: 'de_DE.UTF-8',
      TZ: 'UTC',
      PATH: `${dirname(process.execPath)}:${SYSTEM}`,
      HOME: home,
      TMPDIR: join(home, 'tmp'),
      NODE_ENV: 'test',
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONIOENCODING: 'utf-8',
      API_KEY: 'k',
    });
  });

  it('finds the programs of its own virtual environment first', () => {
    const resolved = { ...TREE.resolved, ecosystem: 'pypi' as const };
    const program = { file: '/trees/y/venv/bin/python', args: ['/trees/y/venv/bin/y'] };
    const { env } = toLaunch({ ...TREE, resolved, program }, { args: [], env: {}, home }, {});
    expect(env.PATH).toBe(`/trees/y/venv/bin:${dirname(process.execPath)}:${SYSTEM}`);
  });

  it('has a home that exists and that nobody else can read', async () => {
    const inner = join(home, 'inner');
    toLaunch(TREE, { args: [], env: {}, home: inner }, {});
    expect((await stat(join(inner, 'tmp'))).mode & 0o777).toBe(0o700);
  });

  it.each(['NODE_OPTIONS', 'ld_preload', 'Path', 'npm_config_registry', 'A-B'])(
    'is refused with %s',
    (name) => {
      expect(() => toLaunch(TREE, { args: [], env: { [name]: 'x' }, home }, {})).toThrow(
        expect.objectContaining({
          code: 'bad-input',
          details: expect.objectContaining({
            fields: [expect.objectContaining({ pointer: `/env/${name}` })],
          }),
        }),
      );
    },
  );

  it('is refused with a NUL in an argument or value, without repeating the value', () => {
    expect(() => toLaunch(TREE, { args: ['a', 'b\0'], env: {}, home }, {})).toThrow('args/1');
    expect(() => toLaunch(TREE, { args: [], env: { KEY: 'secret\0' }, home }, {})).toThrow(
      /^env\/KEY: contains a NUL character$/,
    );
  });
});
