/** Which address a gateway says that it has, when it listens on all of them and nobody has said. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ADDRESS_SOURCES, type AddressSources, ownAddress } from '../../src/settings/own-address.ts';
import { certificate } from '../support/certificates.ts';
import { eventually } from '../support/local-process.ts';

const IN_CLUSTER = { KUBERNETES_SERVICE_HOST: '10.96.0.1' };

function sources(
  env: AddressSources['env'],
  { hostName, outward }: { readonly hostName?: string; readonly outward?: string } = {},
): AddressSources {
  return { env, ofHostName: async () => hostName, outward: async () => outward };
}

describe('the address of a gateway', () => {
  const all = { hostName: '10.244.0.9', outward: '192.168.1.5' };

  it.each<readonly [string, AddressSources, string, string]>([
    ['POD_IP', sources({ ...IN_CLUSTER, POD_IP: '10.244.0.7' }, all), '10.244.0.7', 'POD_IP'],
    ['POD_IP, also elsewhere', sources({ POD_IP: 'fd00::7' }, all), 'fd00::7', 'POD_IP'],
    ['in a cluster that of its name', sources(IN_CLUSTER, all), '10.244.0.9', 'the host name'],
    [
      'in a cluster without a name, that of its way out',
      sources(IN_CLUSTER, { hostName: '127.0.1.1', outward: all.outward }),
      ...(['192.168.1.5', 'the way out of this machine'] as const),
    ],
    ['elsewhere that of its way out', sources({}, all), '192.168.1.5', 'the way out of this machine'],
    [
      'with no way out, this machine',
      sources({}, { hostName: all.hostName }),
      ...(['127.0.0.1', 'this machine alone, which has no other address'] as const),
    ],
    [
      'with a way out to itself, this machine',
      sources({}, { outward: '0.0.0.0' }),
      ...(['127.0.0.1', 'this machine alone, which has no other address'] as const),
    ],
  ])('is %s', async (_what, given, address, from) => {
    expect(await ownAddress(given)).toMatchObject({ address, from });
  });

  it('in a cluster, taken from anything but POD_IP, comes with a warning that says what to set', async () => {
    const { warning } = await ownAddress(sources(IN_CLUSTER, all));
    expect(warning).toMatch(/POD_IP is not set: URLs are built from the host name. Set publicUrl/);
    const bad = await ownAddress(sources({ ...IN_CLUSTER, POD_IP: 'x' }, all));
    expect(bad).toMatchObject({ address: '10.244.0.9' });
    expect(bad.warning).toMatch(/POD_IP is no address/);
    const good = await ownAddress(sources({ ...IN_CLUSTER, POD_IP: '10.244.0.7' }, all));
    expect(good.warning).toBeUndefined();
    expect((await ownAddress(sources({}, all))).warning).toBeUndefined();
  });

  it('is one of this machine, without a name being asked for and a packet being sent', async () => {
    const { address } = await ownAddress({ ...ADDRESS_SOURCES, env: {} });
    expect(isIP(address)).toBe(4);
    expect(address).not.toBe('0.0.0.0');
  });
});

describe('the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-address-'));
  const authority = certificate({ name: 'test authority' });
  let gateway: ChildProcess | undefined;
  afterAll(async () => {
    if (gateway) {
      const ended = once(gateway, 'exit');
      gateway.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('prints the address, logs where it comes from, and is called by it, over HTTPS too', async () => {
    const { cert, key } = certificate({ name: 'localhost', issuer: authority });
    writeFileSync(join(folder, 'tls.crt'), cert);
    writeFileSync(join(folder, 'tls.key'), key);
    const token = `berth_${'address'.repeat(7).slice(0, 43)}`;
    const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const child = spawn(process.execPath, [program], {
      env: {
        ...process.env,
        BERTH_DATA_DIR: join(folder, 'data'),
        BERTH_HOST: '0.0.0.0',
        BERTH_PORT: '0',
        BERTH_KEYS: `tester:${createHash('sha256').update(token).digest('hex')}`,
        BERTH_TLS_CERTIFICATE: folder,
        POD_IP: '127.0.0.2',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    gateway = child;
    let said = '';
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const url = await eventually('the gateway', () => /^Berth listens on (\S+)/m.exec(said)?.[1]);
    expect(url).toMatch(/^https:\/\/127\.0\.0\.2:\d+$/);
    const line = await eventually('the line of the log', () =>
      log.split('\n').find((text) => text.includes('the gateway serves')),
    );
    expect(JSON.parse(line)).toMatchObject({ url, from: 'POD_IP' });
    const headers = { authorization: `Bearer ${token}` };
    const options = {
      headers,
      ca: authority.cert,
      servername: 'localhost',
      checkServerIdentity: () => undefined,
    };
    const status = await new Promise((resolve, reject) => {
      get(`${url}/api/v1/servers`, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(200);
  });
});
