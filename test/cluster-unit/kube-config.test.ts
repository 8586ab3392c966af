import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { CREDENTIALS_LAST, loadClusterAccess, PLUGIN_LIMIT } from '../../src/cluster/kube-config.ts';
import { until } from '../link/waiting.ts';

let folder: string;
let clock: ManualClock;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-kube-'));
  clock = new ManualClock();
  vi.stubEnv('KUBECONFIG', '');
  vi.stubEnv('HOME', folder);
  vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Writes a kubeconfig with one cluster and one user; JSON is YAML. */
function kubeconfig(user: object, cluster: object = {}, context: object = {}): string {
  const file = join(folder, 'config');
  const server = 'https://192.0.2.1:6443/k8s/clusters/one/';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    clusters: [
      { name: 'c', cluster: { server, 'certificate-authority-data': base64('the CA'), ...cluster } },
    ],
    users: [
      { name: 'u', user },
      { name: 'other', user: { token: 'of another' } },
    ],
    contexts: [
      { name: 'main', context: { cluster: 'c', user: 'u', ...context } },
      { name: 'second', context: { cluster: 'c', user: 'other', namespace: 'elsewhere' } },
    ],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** A credential plugin that counts its runs. */
function plugin(expires: string | undefined, behaviour = ''): object {
  const runs = join(folder, 'runs');
  const script = join(folder, 'plugin.cjs');
  const status = { token: 'made', ...(expires === undefined ? {} : { expirationTimestamp: expires }) };
  writeFileSync(
    script,
    `require('fs').appendFileSync(${JSON.stringify(runs)}, 'x');${behaviour}
     console.log(JSON.stringify({ kind: 'ExecCredential', status: ${JSON.stringify(status)} }));`,
  );
  return {
    exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: [script] },
  };
}
const runs = (): number => {
  try {
    return readFileSync(join(folder, 'runs')).length;
  } catch {
    return 0;
  }
};

describe('a kubeconfig', () => {
  it('gives address, trust, token and namespace', async () => {
    const file = kubeconfig({ token: 'secret\n' }, { 'tls-server-name': 'kube' }, { namespace: 'team' });
    const access = await loadClusterAccess({ file, clock });
    expect(access.baseUrl).toBe('https://192.0.2.1:6443/k8s/clusters/one');
    expect(access.namespace).toBe('team');
    expect(await access.credentials()).toEqual({
      headers: { authorization: 'Bearer secret' },
      tls: { ca: Buffer.from('the CA'), servername: 'kube' },
    });
  });

  it('is found by KUBECONFIG, or at home', async () => {
    const file = kubeconfig({ token: 'secret' });
    vi.stubEnv('KUBECONFIG', file);
    const { headers } = await (await loadClusterAccess({ clock })).credentials();
    expect(headers).toEqual({ authorization: 'Bearer secret' });
    vi.stubEnv('KUBECONFIG', '');
    mkdirSync(join(folder, '.kube'));
    writeFileSync(join(folder, '.kube', 'config'), readFileSync(file));
    expect((await loadClusterAccess({ clock })).namespace).toBe('default');
  });

  it('can be used with another context', async () => {
    const access = await loadClusterAccess({ file: kubeconfig({ token: 'x' }), context: 'second', clock });
    expect(access.namespace).toBe('elsewhere');
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer of another' });
  });

  it('may hold a client certificate, a password, another user to act as, or no trust at all', async () => {
    const certificate = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') };
    const first = await loadClusterAccess({ file: kubeconfig({ ...certificate, as: 'somebody' }), clock });
    expect(await first.credentials()).toEqual({
      headers: { 'impersonate-user': 'somebody' },
      tls: { ca: Buffer.from('the CA'), cert: Buffer.from('cert'), key: Buffer.from('key') },
    });
    const insecure = { 'insecure-skip-tls-verify': true, 'certificate-authority-data': undefined };
    const file = kubeconfig({ username: 'u', password: 'p:w' }, insecure);
    const second = await loadClusterAccess({ file, clock });
    expect(await second.credentials()).toEqual({
      headers: { authorization: `Basic ${base64('u:p:w')}` },
      tls: { rejectUnauthorized: false },
    });
  });

  it('may name a proxy', async () => {
    const file = kubeconfig({ token: 'x' }, { 'proxy-url': 'http://192.0.2.2:3128' });
    const { agent } = await (await loadClusterAccess({ file, clock })).credentials();
    expect(agent).toBeDefined();
  });

  it('is read again after a minute', async () => {
    const access = await loadClusterAccess({ file: kubeconfig({ token: 'first' }), clock });
    const token = async () => (await access.credentials()).headers.authorization;
    expect(await token()).toBe('Bearer first');
    kubeconfig({ token: 'second' });
    clock.advance(CREDENTIALS_LAST - 1);
    expect(await token()).toBe('Bearer first');
    clock.advance(1);
    expect(await token()).toBe('Bearer second');
  });

  it('is read again when the credentials are refused, but not for each refusal', async () => {
    const access = await loadClusterAccess({ file: kubeconfig({ token: 'first' }), clock });
    const token = async () => (await access.credentials()).headers.authorization;
    await token();
    kubeconfig({ token: 'second' });
    access.refresh();
    expect(await token()).toBe('Bearer second');
    kubeconfig({ token: 'third' });
    access.refresh();
    expect(await token()).toBe('Bearer second');
    clock.advance(5_000);
    access.refresh();
    expect(await token()).toBe('Bearer third');
  });
});

describe('a credential plugin', () => {
  it('is asked once for those who ask together, and not again while its token lasts', async () => {
    const access = await loadClusterAccess({ file: kubeconfig(plugin('2999-01-01T00:00:00Z')), clock });
    const [first, second] = await Promise.all([access.credentials(), access.credentials()]);
    expect(first.headers).toEqual({ authorization: 'Bearer made' });
    expect(second).toBe(first);
    clock.advance(CREDENTIALS_LAST);
    await access.credentials();
    expect(runs()).toBe(1);
  });

  it('is asked again when its token has expired, or was refused', async () => {
    const access = await loadClusterAccess({ file: kubeconfig(plugin('2001-01-01T00:00:00Z')), clock });
    await access.credentials();
    clock.advance(CREDENTIALS_LAST);
    await access.credentials();
    expect(runs()).toBe(2);
    const lasting = await loadClusterAccess({ file: kubeconfig(plugin(undefined)), clock });
    await lasting.credentials();
    lasting.refresh();
    await lasting.credentials();
    expect(runs()).toBe(4);
  });

  it('that fails says so, and is tried again', async () => {
    const failing = plugin(
      undefined,
      `if (require('fs').statSync(${JSON.stringify(folder)} + '/runs').size < 2) {
      console.error('please log in'); process.exit(1); }`,
    );
    const access = await loadClusterAccess({ file: kubeconfig(failing), clock });
    await expect(access.credentials()).rejects.toMatchObject({
      code: 'bad-setting',
      message: expect.stringContaining('please log in'),
    });
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer made' });
  });

  it('that hangs is given up', async () => {
    const hanging = plugin(undefined, 'setTimeout(() => {}, 3000);');
    const access = await loadClusterAccess({ file: kubeconfig(hanging), clock });
    const failed = access.credentials().catch((error: unknown) => error);
    await until('its start', () => runs() === 1);
    clock.advance(PLUGIN_LIMIT);
    expect(await failed).toMatchObject({ code: 'bad-setting', message: expect.stringContaining('30 s') });
  });
});

describe('a service account', () => {
  const place = (): string => join(folder, 'var/run/secrets/kubernetes.io/serviceaccount');
  const write = (token: string): void => {
    mkdirSync(place(), { recursive: true });
    for (const [name, text] of Object.entries({ token, 'ca.crt': 'the CA', namespace: 'berth\n' }))
      writeFileSync(join(place(), name), text);
  };

  it('is used in a pod, and its rotated token too', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', 'fd00::1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    write('first');
    const access = await loadClusterAccess({ root: folder, clock });
    expect(access.baseUrl).toBe('https://[fd00::1]:443');
    expect(access.namespace).toBe('berth');
    expect(await access.credentials()).toEqual({
      headers: { authorization: 'Bearer first' },
      tls: { ca: Buffer.from('the CA') },
    });
    write('second');
    clock.advance(CREDENTIALS_LAST);
    expect((await access.credentials()).headers).toEqual({ authorization: 'Bearer second' });
  });

  it('without an address of the cluster is no configuration', async () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', undefined);
    write('first');
    await expect(loadClusterAccess({ root: folder, clock })).rejects.toMatchObject({
      code: 'bad-setting',
      message: expect.stringContaining('KUBERNETES_SERVICE_HOST'),
    });
  });
});

it('is the only thing that loads the Kubernetes client, and only when it is asked', () => {
  const src = new URL('../../src/', import.meta.url);
  const loading = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .filter((name) =>
      /^(import|export) (?!type\b).*@kubernetes\//m.test(readFileSync(new URL(name, src), 'utf8')),
    );
  expect(loading).toEqual([]);
});

describe('what is no configuration', () => {
  it.each([
    ['nothing at all', () => ({})],
    ['a file that is not there', () => ({ file: join(folder, 'gone') })],
    ['a context that is not there', () => ({ file: kubeconfig({ token: 'x' }), context: 'third' })],
    ['a context without a user', () => ({ file: kubeconfig({ token: 'x' }, {}, { user: 'nobody' }) })],
    ['a context without a cluster', () => ({ file: kubeconfig({ token: 'x' }, {}, { cluster: 'none' }) })],
  ])('is said: %s', async (_name, options) => {
    await expect(loadClusterAccess({ ...options(), clock })).rejects.toMatchObject({ code: 'bad-setting' });
  });

  it('is said for plain HTTP to elsewhere', async () => {
    const file = kubeconfig({ token: 'x' }, { server: 'http://192.0.2.1:8080' });
    const access = await loadClusterAccess({ file, clock });
    await expect(access.credentials()).rejects.toMatchObject({ code: 'bad-setting' });
  });
});
