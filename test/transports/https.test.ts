/** A gateway that serves HTTPS itself, with a certificate that somebody else renews. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchServedCertificate } from '../../src/auth/served-certificate.ts';
import { ManualClock } from '../../src/clock.ts';
import { certificate } from '../support/certificates.ts';
import { fixtureLaunch } from '../support/conformance-fixture.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { SPEAKS } from '../support/requirements.ts';
import { SDK_CLIENTS } from '../support/sdk-clients.ts';

const authority = certificate({ name: 'test authority' });
const other = certificate({ name: 'another authority' });
const shown = certificate({ name: 'localhost', issuer: authority, usage: 'server' });

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-https-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a gateway with a certificate', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({
      servers: [{ name: 'text', launch: fixtureLaunch('legacy'), eras: SPEAKS.legacy }],
      certificate: shown,
    });
  });
  afterAll(() => gateway?.close());

  const status = (ca: string, more: object = {}): Promise<number | string> =>
    new Promise((resolve) => {
      get(`${gateway.url('text')}/mcp`, { ca, agent: false, ...more }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      }).on('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code));
    });

  it('is called by every client of the official SDKs, over every transport', async () => {
    writeFileSync(join(folder, 'ca.crt'), authority.cert);
    const program = fileURLToPath(new URL('../support/tls-calls.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, gateway.url('text')], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt') },
    });
    expect(stdout.trim().split('\n')).toEqual(
      SDK_CLIENTS.map((flavour) => `${flavour}: Plain text from the fixture`),
    );
  });

  it('is not called by whoever does not trust its authority, nor in a version that is broken', async () => {
    expect(await status(authority.cert)).toBe(406);
    expect(await status(other.cert)).toMatch(/SELF_SIGNED|UNABLE_TO/);
    expect(await status(authority.cert, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' })).toMatch(
      /ERR_SSL|ECONNRESET/,
    );
  });

  it('speaks nothing but TLS', async () => {
    await expect(fetch(`http://localhost:${gateway.port}/servers/text/mcp`)).rejects.toThrow();
  });

  it('shows a renewed certificate to new connections, and goes on with those that are open', async () => {
    const socket = connect({ port: gateway.port, host: 'localhost', ca: authority.cert });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    gateway.renew(certificate({ name: 'localhost', issuer: other, usage: 'server' }));
    expect(await status(other.cert)).toBe(406);
    expect(await status(authority.cert)).toMatch(/SELF_SIGNED|UNABLE_TO/);
    const line = new Promise<string>((resolve) => {
      socket.once('data', (data) => resolve(data.toString().split('\r\n')[0] ?? ''));
    });
    socket.write(`GET /livez HTTP/1.1\r\nHost: localhost:${gateway.port}\r\n\r\n`);
    expect(await line).toMatch(/^HTTP\/1\.1 /);
    socket.destroy();
  });
});

describe('the folder of the certificate', () => {
  const write = (cert: string, key: string): void => {
    writeFileSync(join(folder, 'tls.crt'), cert);
    writeFileSync(join(folder, 'tls.key'), key);
  };
  const watch = async () => {
    const clock = new ManualClock();
    const renewed: string[] = [];
    const faults: string[] = [];
    const watched = await watchServedCertificate({
      ...{ folder, clock },
      onRenewed: ({ cert }) => renewed.push(cert),
      onError: ({ message }) => faults.push(message),
    });
    // Files are read in their own time.
    const look = async (seen: () => boolean): Promise<void> => {
      clock.advance(5_000);
      for (let turn = 0; turn < 500 && !seen(); turn++)
        await new Promise((resolve) => setTimeout(resolve, 10));
    };
    return { watched, renewed, faults, look };
  };

  it('is read again, and one that does not fit together takes nothing away', async () => {
    write(shown.cert, shown.key);
    const { watched, renewed, faults, look } = await watch();
    const next = certificate({ name: 'localhost', issuer: authority });
    write(next.cert, shown.key);
    await look(() => faults.length > 0);
    expect(faults).toEqual([expect.stringContaining('do not belong together')]);
    expect(watched.current.cert).toBe(shown.cert);
    write(next.cert, next.key);
    await look(() => renewed.length > 0);
    expect([renewed, watched.current.cert]).toEqual([[next.cert], next.cert]);
    watched.close();
  });

  it.each([
    ['no certificate', 'no pem', shown.key, /holds no certificate/],
    ['the key of another one', shown.cert, other.key, /do not belong together/],
  ])('with %s stops the start', async (_what, cert, key, message) => {
    write(cert, key);
    await expect(watch()).rejects.toMatchObject({
      code: 'bad-setting',
      message: expect.stringMatching(message),
    });
  });

  it('that is not there stops the start, and says what belongs into it', async () => {
    rmSync(join(folder, 'tls.key'));
    await expect(watch()).rejects.toMatchObject({
      code: 'bad-setting',
      hint: expect.stringContaining('tls.crt and tls.key'),
    });
  });
});
