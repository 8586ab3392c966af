import { describe, expect, it } from 'vitest';
import { BerthError } from '../../src/errors.ts';
import { loadSettings, type SettingsInput } from '../../src/settings/load.ts';
import { WITHOUT_EFFECT } from '../../src/settings/older-names.ts';
import { DEFAULT_LIMITS } from '../../src/supervisor/server-definition.ts';

function failure(input: SettingsInput): BerthError {
  try {
    loadSettings(input);
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

const file = (text: string): SettingsInput => ({ flags: { config: 'berth.yaml' }, readFile: () => text });

describe('defaults', () => {
  it('listen on loopback, port 8053', () => {
    const settings = loadSettings();
    expect(settings).toMatchObject({
      host: '127.0.0.1',
      port: 8053,
      logLevel: 'info',
      logFormat: 'json',
      keys: [],
    });
    expect(settings.allow).toEqual({ npm: true, pypi: true, images: false, remote: true });
    expect(settings.dataDir).toMatch(/berth$/);
    expect(settings.publicUrl).toBeUndefined();
  });

  it('take the limits of a server from where servers are defined', () => {
    expect(loadSettings().limits).toMatchObject(DEFAULT_LIMITS);
  });

  it('cannot be changed by a reader', () => {
    const settings = loadSettings();
    expect(
      Object.isFrozen(settings) && Object.isFrozen(settings.limits) && Object.isFrozen(settings.keys),
    ).toBe(true);
  });
});

describe('precedence', () => {
  const readFile = (): string => 'port: 1001\nlogLevel: warn\nlimits: {batch: 11, depth: 12}\n';

  it('is flags, then environment, then file, then default', () => {
    const settings = loadSettings({
      flags: { port: '1003', config: 'berth.yaml' },
      env: { BERTH_PORT: '1002', BERTH_LIMITS_BATCH: '22' },
      readFile,
    });
    expect(settings).toMatchObject({ port: 1003, logLevel: 'warn', host: '127.0.0.1' });
    expect(settings.limits).toMatchObject({ batch: 22, depth: 12, headers: 100 });
  });

  it('lets BERTH_CONFIG name the file and --config replace it', () => {
    const read: string[] = [];
    const spy = (path: string): string => `${read.push(path) && ''}`;
    loadSettings({ env: { BERTH_CONFIG: 'a.yaml' }, readFile: spy });
    loadSettings({ flags: { config: 'b.yaml' }, env: { BERTH_CONFIG: 'a.yaml' }, readFile: spy });
    expect(read).toEqual(['a.yaml', 'b.yaml']);
  });
});

describe('values', () => {
  it.each([
    ['off', 0],
    ['OFF', 0],
    ['0', 0],
    ['30s', 30_000],
  ])('read the interval %s', (text, expected) => {
    expect(loadSettings({ env: { BERTH_HEALTH_INTERVAL: text } }).health.interval).toBe(expected);
    expect(loadSettings(file(`health: {interval: ${text}}`)).health.interval).toBe(expected);
  });

  it.each([
    ['30s', 30_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['1d', 86_400_000],
    ['1234', 1234],
  ])('read the duration %s', (text, expected) => {
    expect(loadSettings({ env: { BERTH_LIMITS_IDLE: text } }).limits.idle).toBe(expected);
  });

  it.each([
    ['4MiB', 4_194_304],
    ['64 KiB', 65_536],
    ['8Mi', 8_388_608],
    ['2GB', 2_000_000_000],
    ['1G', 1_000_000_000],
    ['100b', 100],
    ['77', 77],
  ])('read the size %s', (text, expected) => {
    expect(loadSettings({ env: { BERTH_LIMITS_LINE_BYTES: text } }).limits.lineBytes).toBe(expected);
  });

  it.each([
    ['memory', '512Mi', 536_870_912],
    ['memory', '512MiB', 536_870_912],
    ['memory', '1GB', 1_000_000_000],
    ['cpu', '0.5', 500],
    ['cpu', '1500m', 1_500],
  ] as const)('read %s of %s', (resource, text, expected) => {
    const variable = `BERTH_RESOURCES_${resource.toUpperCase()}`;
    expect(loadSettings({ env: { [variable]: text } }).resources[resource]).toBe(expected);
    expect(loadSettings(file(`resources: {${resource}: ${text}}`)).resources[resource]).toBe(expected);
  });

  it.each([
    ['0.25', 0.25],
    ['10%', 0.1],
    ['1', 1],
    ['0', 0],
  ])('read the share %s', (text, expected) => {
    expect(loadSettings({ env: { BERTH_TRACES_SAMPLE_RATE: text } }).traces.sampleRate).toBe(expected);
    expect(loadSettings(file(`traces: {sampleRate: ${text}}`)).traces.sampleRate).toBe(expected);
  });

  it('read numbers, lists and keys of a file as YAML gives them', () => {
    const hash = 'a'.repeat(64);
    const settings = loadSettings(
      file(
        `limits: {idle: 5000}\nallowedHosts: [A.example, "b.example:81"]\nkeys: [{name: ci, hash: ${hash}}]\n`,
      ),
    );
    expect(settings.limits.idle).toBe(5000);
    expect(settings.allowedHosts).toEqual(['a.example', 'b.example:81']);
    expect(settings.keys).toEqual([{ name: 'ci', hash }]);
  });

  it('read lists and keys of a variable separated by commas', () => {
    const env = {
      BERTH_ALLOWED_ORIGINS: 'https://a.example, http://b.example:3000',
      BERTH_KEYS: `ci:${'b'.repeat(64)}`,
    };
    const settings = loadSettings({ env });
    expect(settings.allowedOrigins).toEqual(['https://a.example', 'http://b.example:3000']);
    expect(settings.keys).toEqual([{ name: 'ci', hash: 'b'.repeat(64) }]);
  });

  it('treat an empty variable as not given', () => {
    expect(loadSettings({ env: { BERTH_PORT: '', BERTH_PUBLIC_URL: '' } }).port).toBe(8053);
  });

  it('keep the public URL without its last slash', () => {
    expect(loadSettings({ env: { BERTH_PUBLIC_URL: 'https://berth.example/' } }).publicUrl).toBe(
      'https://berth.example',
    );
  });
});

describe('a bad value stops the start and names key, source and what is expected', () => {
  it.each([
    [
      { env: { BERTH_PORT: '80a' } },
      'port (environment variable BERTH_PORT): expected a whole number from 0 to 65535',
    ],
    [{ env: { BERTH_PORT: '80.5' } }, 'port (environment variable BERTH_PORT): expected a whole number'],
    [
      { flags: { healthInterval: '500ms' } },
      'health.interval (flag --health-interval): expected a duration of at least 1s, or off',
    ],
    [
      { env: { BERTH_HEALTH_TIMEOUT: '61s' } },
      'health.timeout (environment variable BERTH_HEALTH_TIMEOUT): expected a duration of 1s to 60s',
    ],
    [{ flags: { limitsIdle: 'soon' } }, 'limits.idle (flag --limits-idle): expected a duration'],
    [file('limits: {messageBytes: lots}'), 'limits.messageBytes (file berth.yaml): expected a size'],
    [file('limits: {messageBytes: [1]}'), 'limits.messageBytes (file berth.yaml): expected a size'],
    [{ env: { BERTH_CORS: 'maybe' } }, 'cors (environment variable BERTH_CORS): expected true or false'],
    [
      { env: { BERTH_LOG_LEVEL: 'loud' } },
      'logLevel (environment variable BERTH_LOG_LEVEL): expected one of fatal, error',
    ],
    [
      { env: { BERTH_PUBLIC_URL: 'https://me:pw@berth.example' } },
      'publicUrl (environment variable BERTH_PUBLIC_URL)',
    ],
    [{ env: { BERTH_ALLOWED_ORIGINS: '*' } }, 'allowedOrigins (environment variable BERTH_ALLOWED_ORIGINS)'],
    [{ env: { BERTH_ALLOWED_ORIGINS: 'null' } }, 'allowedOrigins (environment variable'],
    [{ env: { BERTH_ALLOWED_ORIGINS: 'chrome-extension://abcdef' } }, 'allowedOrigins (environment variable'],
    [
      { env: { BERTH_ALLOWED_HOSTS: 'https://a.example' } },
      'allowedHosts (environment variable BERTH_ALLOWED_HOSTS)',
    ],
    [
      { flags: { remoteAllowedHosts: 'localhost,*.internal' } },
      'remote.allowedHosts (flag --remote-allowed-hosts): expected a list of host names, addresses and ranges',
    ],
    [
      { env: { BERTH_KEYS: 'ci:short' } },
      'keys (environment variable BERTH_KEYS): expected a list of API keys',
    ],
    [file('keys: [{name: ci}]'), 'keys (file berth.yaml): expected a list of API keys'],
  ] as [SettingsInput, string][])('%j', (input, text) => {
    const error = failure(input);
    expect(error.code).toBe('bad-setting');
    expect(error.message).toContain(text);
  });

  it('without showing the value, which may be a secret', () => {
    const error = failure({ env: { BERTH_PUBLIC_URL: 'https://me:hunter2@berth.example' } });
    expect(JSON.stringify([error.message, error.details])).not.toContain('hunter2');
  });
});

describe('an unknown name stops the start and names the nearest known one', () => {
  it.each([
    [{ env: { BERTH_PROT: '1' } }, 'unknown environment variable BERTH_PROT; did you mean BERTH_PORT?'],
    [{ flags: { hots: 'x' } }, 'unknown flag --hots; did you mean --host?'],
    [
      file('limits: {sesions: 3}'),
      'unknown key limits.sesions in file berth.yaml; did you mean limits.sessions?',
    ],
    [file('zzzzzzzzzzzzzzz: 3'), 'unknown key zzzzzzzzzzzzzzz in file berth.yaml'],
  ] as [SettingsInput, string][])('%j', (input, text) => {
    expect(failure(input)).toMatchObject({ code: 'bad-setting', message: text });
  });
});

describe('a settings file', () => {
  it('may be empty', () => {
    expect(loadSettings(file('')).port).toBe(8053);
  });

  it('that cannot be read is named', () => {
    const readFile = (): string => {
      throw new Error('gone');
    };
    expect(failure({ flags: { config: 'berth.yaml' }, readFile }).message).toContain(
      'berth.yaml cannot be read',
    );
  });

  it('that is no YAML is refused with its line, and without its text', () => {
    const error = failure(file('port: 1\nkey: "hunter2\n'));
    expect(error.message).toMatch(/file berth\.yaml is no valid YAML: line \d/);
    expect(error.message).not.toContain('hunter2');
  });

  it.each(['- 1\n- 2\n', 'limits: 3\n'])('that is no mapping is refused: %j', (text) => {
    expect(failure(file(text)).message).toContain('expected a mapping');
  });
});

describe('variables of others', () => {
  it('that Kubernetes injects for a Service called berth mean nothing', () => {
    const settings = loadSettings({
      env: {
        BERTH_PORT: 'tcp://10.0.0.1:8053',
        BERTH_SERVICE_HOST: '10.0.0.1',
        BERTH_SERVICE_PORT: '8053',
        BERTH_SERVICE_PORT_HTTP: '8053',
        BERTH_PORT_8053_TCP: 'tcp://10.0.0.1:8053',
        BERTH_PORT_8053_TCP_PROTO: 'tcp',
        BERTH_PORT_8053_TCP_ADDR: '10.0.0.1',
        BERTH_CONTROLLER_SERVICE_HOST: '10.0.0.2',
        BERTH_CONTROLLER_PORT: 'tcp://10.0.0.2:9000',
      },
    });
    expect(settings.port).toBe(8053);
  });

  it('of the command are no settings', () => {
    expect(loadSettings({ env: { BERTH_URL: 'http://x', BERTH_KEY: 'k' } }).port).toBe(8053);
  });
});

describe('variables of OpenTelemetry', () => {
  const ALL = 'http://127.0.0.1:4318';
  const TRACES = 'http://127.0.0.1:4319/v1/traces';
  const endpointOf = (env: Record<string, string>): string | undefined =>
    loadSettings({ env }).traces.endpoint;

  it('name the receiver of traces, the one of traces before that of everything, and ours before both', () => {
    expect(endpointOf({})).toBeUndefined();
    expect(endpointOf({ OTEL_EXPORTER_OTLP_ENDPOINT: ALL })).toBe(ALL);
    const both = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: TRACES, OTEL_EXPORTER_OTLP_ENDPOINT: ALL };
    expect(endpointOf(both)).toBe(TRACES);
    expect(endpointOf({ ...both, BERTH_TRACES_ENDPOINT: 'http://127.0.0.1:1' })).toBe('http://127.0.0.1:1');
  });

  it.each([{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }])('may say %o', (off) => {
    expect(endpointOf({ OTEL_EXPORTER_OTLP_ENDPOINT: ALL, ...off })).toBeUndefined();
    expect(endpointOf({ BERTH_TRACES_ENDPOINT: ALL, ...off })).toBe(ALL);
  });

  it('are named where their value is bad', () => {
    const load = () => endpointOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' });
    expect(load).toThrow(
      /traces.endpoint \(environment variable OTEL_EXPORTER_OTLP_ENDPOINT\): expected an http or https URL/,
    );
  });
});

describe('older names', () => {
  it('mean our settings, and are told about', () => {
    const notices: string[] = [];
    const settings = loadSettings({
      env: {
        LOG_LEVEL: 'WARNING',
        MCP_ALLOW_NPX: 'false',
        MCP_ALLOW_UV: 'false',
        MCP_ALLOW_CUSTOM_IMAGES: 'true',
        MCP_SIDECAR_HOST: '127.0.0.2',
        MCP_SIDECAR_PORT: '9000',
        MCP_SIDECAR_URL: 'http://sidecar.example.com:9000',
      },
      onNotice: (text) => notices.push(text),
    });
    expect(settings).toMatchObject({
      ...{ logLevel: 'warn', host: '127.0.0.2', port: 9000 },
      publicUrl: 'http://sidecar.example.com:9000',
    });
    expect(settings.allow).toEqual({ npm: false, pypi: false, images: true, remote: true });
    const mesh = loadSettings({
      env: { MCP_MESH_HTTP_HOST: '127.0.0.3', MCP_MESH_HTTP_PORT: '0', MCP_MESH_LOG_LEVEL: 'DEBUG' },
    });
    expect(mesh).toMatchObject({ logLevel: 'debug', host: '127.0.0.3', port: 0 });
    const selector = 'app.kubernetes.io/component=mcp-server,environment=prod';
    expect(loadSettings({ env: { MCP_LABEL_SELECTOR: selector } }).servers.discover).toEqual([
      'app.kubernetes.io/component=mcp-server',
      'environment=prod',
    ]);
    expect(notices).toContain('environment variable MCP_ALLOW_NPX is an older name of BERTH_ALLOW_NPM');
  });

  it('of durations are seconds, unless they say otherwise', () => {
    const stopTimeout = (value: string) =>
      loadSettings({ env: { MCP_SHUTDOWN_GRACE_PERIOD: value } }).limits.stopTimeout;
    expect([stopTimeout('45'), stopTimeout('2m'), stopTimeout('0.5')]).toEqual([45_000, 120_000, 500]);
    expect(loadSettings().limits.stopTimeout).toBe(30_000);
    expect(loadSettings({ env: { HEALTH_CHECK_INTERVAL_SECONDS: '30' } }).health.interval).toBe(30_000);
    expect(loadSettings().health).toEqual({ interval: 0, failures: 3, timeout: 30_000 });
  });

  it('of limits mean memory and processors of each process', () => {
    const env = { MCP_SERVER_CPU_LIMIT: '500m', MCP_SERVER_MEMORY_LIMIT: '512Mi' };
    expect(loadSettings({ env }).resources).toEqual({ memory: 536_870_912, cpu: 500 });
    expect(loadSettings().resources).toEqual({});
    expect(failure({ env: { MCP_SERVER_MEMORY_LIMIT: '1Mi' } }).message).toContain(
      'resources.memory (environment variable MCP_SERVER_MEMORY_LIMIT): expected an amount of memory from 4Mi on',
    );
  });

  it('lose against ours', () => {
    const settings = loadSettings({
      env: { MCP_SIDECAR_PORT: '9000', BERTH_PORT: '9001', LOG_LEVEL: 'DEBUG' },
      flags: { logLevel: 'error' },
    });
    expect(settings).toMatchObject({ port: 9001, logLevel: 'error' });
  });

  it('with a bad value are refused under the name that was given', () => {
    expect(failure({ env: { MCP_SIDECAR_PORT: 'x' } }).message).toContain(
      'environment variable MCP_SIDECAR_PORT',
    );
  });

  it('that have no meaning here are accepted, and what has it is told', () => {
    const notices: string[] = [];
    const env = Object.fromEntries([...WITHOUT_EFFECT.keys()].map((name) => [name, 'x']));
    expect(loadSettings({ env, onNotice: (text) => notices.push(text) })).toEqual(loadSettings());
    expect(notices).toHaveLength(WITHOUT_EFFECT.size);
    expect(notices).toContain(
      'environment variable KUBERNETES_NAMESPACE has no effect; instead of it: servers.namespace of the chart',
    );
    expect(notices).toContain(
      'environment variable DEPLOYMENT_MODE has no effect; instead of it: runtime: pods need rights, which the chart brings',
    );
  });
});
