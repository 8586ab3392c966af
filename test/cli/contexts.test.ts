import { describe, expect, it } from 'vitest';
import { createMachine } from './system-double.ts';

const PROD = ['context', 'set', 'prod', '--url', 'https://berth.example.com', '--key-file', 'prod.key'];

describe('contexts', () => {
  it('name gateways, and one of them is used where nothing else is said', async () => {
    const { berth, files, sent, state } = await createMachine();
    files['/home/ada/project/prod.key'] = 'canary-prod\n';
    expect((await berth(...PROD)).code).toBe(0);
    await berth('context', 'set', 'here', '--url', 'http://127.0.0.1:8054');
    await berth('ls');
    await berth('--context', 'prod', 'ls');
    await berth('context', 'use', 'prod');
    await berth('ls');
    await berth('--url', 'http://127.0.0.1:8055', 'ls');
    state.env = { BERTH_URL: 'http://127.0.0.1:8056', BERTH_KEY: 'canary-env' };
    await berth('ls');
    await berth('--context', 'prod', 'ls');
    await berth('--context', 'here', 'ls');
    const seen = sent.map(({ url, headers }) => [new URL(url).origin, headers.get('Authorization')]);
    expect(seen).toEqual([
      ['http://127.0.0.1:8053', null],
      ['https://berth.example.com', 'Bearer canary-prod'],
      ['https://berth.example.com', 'Bearer canary-prod'],
      ['http://127.0.0.1:8055', null],
      ['http://127.0.0.1:8056', 'Bearer canary-env'],
      ['https://berth.example.com', 'Bearer canary-prod'],
      ['http://127.0.0.1:8054', 'Bearer canary-env'],
    ]);
    const { out } = await berth('context', 'ls');
    expect(out).toMatch(/^\* +prod +https:\/\/berth\.example\.com +\/home\/ada\/project\/prod\.key$/m);
    expect(out).toMatch(/^ +here +http:\/\/127\.0\.0\.1:8054 +-$/m);
    expect(files['/home/ada/.config/berth/contexts.yaml']).not.toContain('canary');
    expect((await berth('-o', 'name', 'context', 'ls')).out).toBe('here\nprod\n');
    await berth('context', 'rm', 'prod');
    expect((await berth('-o', 'json', 'context', 'ls')).out).toContain('"name":"here"');
    expect((await berth('context', 'ls')).out).not.toContain('*');
  });

  it('count more than the variable of an earlier system, which counts more than this machine', async () => {
    const { berth, sent, state } = await createMachine();
    state.env = { MCP_SIDECAR_URL: 'http://127.0.0.2:8053', BERTH_KEY: 'canary-env' };
    await berth('ls');
    await berth('context', 'set', 'here', '--url', 'http://127.0.0.1:8054');
    await berth('context', 'use', 'here');
    await berth('ls');
    await berth('context', 'rm', 'here');
    state.env = { ...state.env, BERTH_URL: 'http://127.0.0.1:8056' };
    await berth('ls');
    state.env = { MCP_SIDECAR_URL: '' };
    await berth('ls');
    expect(sent.map(({ url }) => new URL(url).origin)).toEqual([
      'http://127.0.0.2:8053',
      'http://127.0.0.1:8054',
      'http://127.0.0.1:8056',
      'http://127.0.0.1:8053',
    ]);
    state.env = { MCP_SIDECAR_URL: 'archon-sidecar:8053' };
    const { code, err } = await berth('ls');
    expect([code, err]).toEqual([1, expect.stringContaining('Correct MCP_SIDECAR_URL.')]);
  });

  it.each([
    [['--context', 'none', 'ls'], 'there is no context "none"'],
    [['context', 'use', 'none'], 'there is no context "none"'],
    [['context', 'rm', 'none'], 'there is no context "none"'],
    [['context', 'set', 'a b', '--url', 'http://a.example.com'], 'a context has 1 to 64 letters'],
    [['context', 'set', 'a', '--url', 'nonsense'], 'the address of the gateway is needed'],
    [['context', 'set', 'a'], 'the address of the gateway is needed'],
  ])('%j says what is wrong', async (argv, message) => {
    const { berth } = await createMachine();
    const { code, err } = await berth(...argv);
    expect([code, err.split('\n')[0]]).toEqual([1, expect.stringContaining(message)]);
  });

  it('a file that is none is said, and not overwritten', async () => {
    const { berth, files } = await createMachine();
    const path = '/home/ada/.config/berth/contexts.yaml';
    files[path] = 'contexts: [';
    expect((await berth('ls')).err).toContain('holds no contexts');
    expect((await berth(...PROD)).code).toBe(1);
    expect(files[path]).toBe('contexts: [');
  });
});
