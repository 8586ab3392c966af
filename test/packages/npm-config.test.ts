import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadNpmSettings } from '../../src/packages/npm-config.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-npmrc-'));
});

afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

async function load(npmrc: string, env: Record<string, string> = {}) {
  await writeFile(join(home, '.npmrc'), npmrc);
  return await loadNpmSettings({ HOME: home, NPM_CONFIG_GLOBALCONFIG: join(home, 'none'), ...env }, home);
}

describe('the npm configuration', () => {
  it("is the user's own: registry, scoped registry and credentials", async () => {
    const { options } = await load(
      [
        'registry=http://127.0.0.1:4001/',
        '@corp:registry=http://127.0.0.1:4002/',
        '//127.0.0.1:4002/:_authToken=secret',
        'noproxy=example.test',
        'strict-ssl=false',
        '',
      ].join('\n'),
    );
    expect(options).toMatchObject({
      registry: 'http://127.0.0.1:4001/',
      '@corp:registry': 'http://127.0.0.1:4002/',
      '//127.0.0.1:4002/:_authToken': 'secret',
      strictSSL: false,
    });
  });

  it('reads certificates and proxies', async () => {
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
    await writeFile(join(home, 'ca.pem'), `${pem}\n`);
    const { options } = await load(`cafile=${join(home, 'ca.pem')}\nhttps-proxy=http://127.0.0.1:9/\n`);
    expect(options).toMatchObject({ ca: [pem], httpsProxy: 'http://127.0.0.1:9/' });
  });

  it('resolves variables that .npmrc refers to, and hands only those on to npm', async () => {
    const { options, env } = await load('//127.0.0.1:4002/:_authToken=$' + '{CORP_TOKEN}\n', {
      CORP_TOKEN: 'from-env',
      OTHER_SECRET: 'no business of npm',
    });
    expect(options['//127.0.0.1:4002/:_authToken']).toBe('from-env');
    expect(env).toMatchObject({ CORP_TOKEN: 'from-env', HOME: home });
    expect(env).not.toHaveProperty('OTHER_SECRET');
  });

  it('ignores what another npm left in the environment, and obeys what an operator set', async () => {
    const left = {
      npm_config_registry: 'http://127.0.0.1:1/',
      NODE_OPTIONS: '--require /evil.js',
      npm_node_execpath: '/x',
    };
    const { options, env } = await load('registry=http://127.0.0.1:4001/\n', left);
    expect(options.registry).toBe('http://127.0.0.1:4001/');
    expect(Object.keys(env).filter((name) => /^npm_|NODE_OPTIONS/.test(name))).toEqual([]);
    const set = await load('', { NPM_CONFIG_REGISTRY: 'http://127.0.0.1:4003/' });
    expect(set.options.registry).toBe('http://127.0.0.1:4003/');
    expect(set.env.NPM_CONFIG_REGISTRY).toBe('http://127.0.0.1:4003/');
  });

  it("finds the machine's file where the user's own npm says it is, and no project's file", async () => {
    await writeFile(join(home, 'machine'), 'registry=http://127.0.0.1:4005/\n');
    const project = join(home, 'project');
    await mkdir(join(project, 'inner'), { recursive: true });
    await writeFile(join(project, 'package.json'), '{}');
    await writeFile(join(project, '.npmrc'), 'registry=http://127.0.0.1:666/\n');
    const env = { HOME: home, npm_config_globalconfig: join(home, 'machine') };
    const settings = await loadNpmSettings(env, join(project, 'inner'));
    expect(settings.options.registry).toBe('http://127.0.0.1:4005/');
    expect(settings.env.NPM_CONFIG_GLOBALCONFIG).toBe(join(home, 'machine'));
  });

  it('leaves the environment of the gateway as it is', async () => {
    const before = { ...process.env };
    await load('registry=http://127.0.0.1:4001/\n');
    expect({ ...process.env }).toEqual(before);
  });
});
