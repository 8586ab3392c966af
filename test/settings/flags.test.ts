import { describe, expect, it } from 'vitest';
import { parseFlags } from '../../src/settings/flags.ts';
import { settingsHelp } from '../../src/settings/help.ts';
import { loadSettings } from '../../src/settings/load.ts';

describe('a command line of flags', () => {
  it('reads values after a space and after an equals sign', () => {
    const settings = loadSettings({
      flags: parseFlags(['--port', '8054', '--limits-idle=2m', '--host=::1']),
    });
    expect(settings).toMatchObject({ port: 8054, host: '::1' });
    expect(settings.limits.idle).toBe(120_000);
  });

  it('reads switches, also with no-', () => {
    const settings = loadSettings({
      flags: parseFlags(['--allow-images', '--no-cors', '--no-allow-npm', '--port', '1']),
    });
    expect(settings.cors).toBe(false);
    expect(settings.allow).toMatchObject({ images: true, npm: false });
  });

  it('adds repeated lists up', () => {
    const settings = loadSettings({
      flags: parseFlags(['--allowed-hosts', 'a.example', '--allowed-hosts=b.example']),
    });
    expect(settings.allowedHosts).toEqual(['a.example', 'b.example']);
  });

  it.each([[['8054']], [['--port']], [['-p', '1']]])('refuses %j', (args) => {
    expect(() => parseFlags(args)).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });

  it('leaves unknown names to the settings, which refuse them', () => {
    expect(() => loadSettings({ flags: parseFlags(['--prot', '1']) })).toThrow('did you mean --port?');
  });
});

describe('the table of settings', () => {
  it('describes every setting', () => {
    expect(settingsHelp().filter(({ description }) => description === '')).toEqual([]);
  });

  it('derives variable and flag from the key', () => {
    expect(settingsHelp()).toContainEqual({
      key: 'limits.requestTimeout',
      variable: 'BERTH_LIMITS_REQUEST_TIMEOUT',
      flag: '--limits-request-timeout',
      description: 'Time without answer or progress after which a call fails.',
      fallback: '900000',
    });
  });
});
