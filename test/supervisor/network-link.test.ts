import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { createSocketLink } from '../../src/link/socket-link.ts';
import { connectTls } from '../../src/link/tls-connect.ts';
import { CLIENT_NAME, supervisorName, type TlsIdentity } from '../../src/link/tls-identity.ts';
import { runSupervisor } from '../../src/supervisor/main.ts';
import { listenNetworkLink, type NetworkLink } from '../../src/supervisor/network-link.ts';
import { until } from '../link/waiting.ts';
import { certificate } from '../support/certificates.ts';

const authority = certificate({ name: 'Berth test' });
const server = randomUUID();
const never = new AbortController().signal;
let folder: string;
let network: NetworkLink | undefined;

function issue(name: string, days = 30): TlsIdentity {
  return { ...certificate({ name, issuer: authority, days }), ca: authority.cert };
}

function mount({ cert, key, ca }: TlsIdentity): void {
  for (const [name, text] of Object.entries({ 'tls.crt': cert, 'tls.key': key, 'ca.crt': ca }))
    writeFileSync(join(folder, name), text);
}

function dial(port: number, own: TlsIdentity): Promise<Duplex> {
  const address = { host: '127.0.0.1', port };
  return connectTls({ address, peerName: supervisorName(server), identity: own, signal: never });
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-network-'));
});
afterEach(async () => {
  await network?.close();
  await network?.close();
  network = undefined;
  rmSync(folder, { recursive: true });
});

it('serves who shows the certificate of a client, beside its socket', async () => {
  mount(issue(supervisorName(server)));
  const config = join(folder, 'supervisor.json');
  const launch = { file: process.execPath, args: ['-e', ''], env: {}, cwd: folder };
  const definition = { id: server, name: 'web', launch, isolation: 'session', sessions: 'minted' };
  const link = { port: 0, certificates: folder };
  writeFileSync(config, JSON.stringify({ dataDir: join(folder, 'data'), servers: [definition], link }));
  const running = await runSupervisor({ socket: join(folder, 'socket'), config });
  const port = running.port ?? 0;
  const gateway = createSocketLink({ connect: () => dial(port, issue(CLIENT_NAME)), instance: 'gateway' });
  expect(await gateway.ask?.({ what: 'sessions', server })).toEqual([]);
  await expect(dial(port, issue(supervisorName(server)))).rejects.toThrow(/does not accept our certificate/);
  await gateway.close();
  await running.close();
  await expect(dial(port, issue(CLIENT_NAME))).rejects.toThrow(/ECONNREFUSED/);
});

it('says why it refused somebody, once a minute, and takes up renewed certificates', async () => {
  const clock = new ManualClock();
  const said: Readonly<Record<string, string>>[] = [];
  const accepted: Duplex[] = [];
  mount(issue(supervisorName(server), -1));
  network = await listenNetworkLink({
    port: 0,
    certificates: folder,
    accept: (stream) => accepted.push(stream),
    clock,
    say: (line) => said.push(line),
  });
  const { port } = network;
  await expect(dial(port, issue(CLIENT_NAME))).rejects.toThrow(/its certificate has expired/);
  mount(issue(supervisorName(server)));
  await until('the renewal', () => {
    clock.advance(5_000);
    return said.some(({ info }) => info !== undefined);
  });
  const refusals = (): number =>
    said.filter(({ reason }) => /that of somebody else/.test(reason ?? '')).length;
  for (let at = 0; at < 3; at++) await expect(dial(port, issue('other'))).rejects.toThrow(/does not accept/);
  expect(refusals()).toBe(1);
  clock.advance(60_000);
  await expect(dial(port, issue('other'))).rejects.toThrow(/does not accept/);
  expect(refusals()).toBe(2);
  (await dial(port, issue(CLIENT_NAME))).destroy();
  await until('the connection', () => accepted.length === 1);
});

it('does not begin without certificates', async () => {
  const options = {
    port: 0,
    certificates: folder,
    accept: () => {},
    clock: new ManualClock(),
    say: () => {},
  };
  await expect(listenNetworkLink(options)).rejects.toMatchObject({ code: 'bad-setting' });
});
