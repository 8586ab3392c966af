/** What a program says of its own settings. */
import { expect, it } from 'vitest';
import { SETTING_KEYS } from '../../src/settings/keys.ts';
import { loadSettings } from '../../src/settings/load.ts';
import { viewSettings } from '../../src/settings/view.ts';

it('every setting is told with its value and where it was given, and no hash of a key', () => {
  const sources = new Map<string, string>();
  const hash = 'ab'.repeat(32);
  const settings = loadSettings({
    flags: { port: 9000, config: 'berth.yaml' },
    env: { BERTH_PORT: '9001', BERTH_LIMITS_IDLE: '2m', LOG_LEVEL: 'DEBUG', BERTH_KEYS: `ci:${hash}` },
    readFile: () => 'host: 127.0.0.2\nport: 9002\n',
    onSource: (key, source) => sources.set(key, source),
  });
  const view = viewSettings(settings, sources);
  expect(view.map(({ key }) => key)).toEqual(SETTING_KEYS.map(({ key }) => key));
  const of = (wanted: string) => view.find(({ key }) => key === wanted);
  expect(of('port')).toEqual({ key: 'port', value: 9000, source: 'flag --port' });
  expect(of('host')).toMatchObject({ value: '127.0.0.2', source: 'file berth.yaml' });
  expect(of('limits.idle')).toMatchObject({
    value: 120_000,
    source: 'environment variable BERTH_LIMITS_IDLE',
  });
  expect(of('logLevel')).toMatchObject({ value: 'debug', source: 'environment variable LOG_LEVEL' });
  expect(of('keys')?.value).toEqual(['ci']);
  expect(of('publicUrl')).toEqual({ key: 'publicUrl', value: null, source: 'default' });
  expect(JSON.stringify(view)).not.toContain(hash);
});
