/** Certificates of links over their years: who signs, who trusts whom, and what is renewed when. */
import { X509Certificate } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KubeObject, SECRETS } from '../../src/cluster/resources.ts';
import { LinkAuthority, renewAuthorities } from '../../src/controller/link-authority.ts';
import {
  AUTHORITIES_KEY,
  keepClientCertificate,
  keepLinkAuthority,
} from '../../src/controller/link-secrets.ts';
import { connectTls } from '../../src/link/tls-connect.ts';
import { CLIENT_NAME, supervisorName, type TlsIdentity } from '../../src/link/tls-identity.ts';
import { listenTls, type TlsListener } from '../../src/link/tls-listen.ts';
import { FakeCluster } from '../support/fake-cluster.ts';

const DAY = 24 * 3_600_000;
const LIFE = 30 * DAY;
const SERVER = '6f1c2c0e-0000-4000-8000-000000000001';
const CA = { namespace: 'mcp', name: 'berth-link-ca' };
const CLIENT = { namespace: 'mcp', name: 'berth-link-client' };

let cluster: FakeCluster;
let time: number;
const now = (): number => time;
beforeEach(() => {
  cluster = new FakeCluster();
  // What is signed has to hold on this machine's clock too.
  time = Date.now();
});

const keep = () => keepLinkAuthority(cluster, CA, { life: LIFE, now });
const authorities = (): { cert: string; key?: string }[] => {
  const [secret] = cluster
    .list<KubeObject & { data: Record<string, string> }>(SECRETS)
    .filter(({ metadata }) => metadata.name === CA.name);
  return JSON.parse(Buffer.from(secret?.data[AUTHORITIES_KEY] ?? '', 'base64').toString());
};
const signerOf = ({ cert, ca }: TlsIdentity): string =>
  ca
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((one) => new X509Certificate(cert).verify(new X509Certificate(one).publicKey))
    .map((one) => new X509Certificate(one).fingerprint)
    .join();

describe('what an authority signs', () => {
  let listener: TlsListener | undefined;
  const streams: Duplex[] = [];
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.destroy();
    await listener?.close();
    listener = undefined;
  });
  const link = async (supervisor: TlsIdentity, client: TlsIdentity, server = SERVER): Promise<Duplex> => {
    await listener?.close();
    listener = await listenTls({
      address: { host: '127.0.0.1', port: 0 },
      peerName: CLIENT_NAME,
      identity: supervisor,
      accept: (stream) => streams.push(stream),
    });
    const stream = await connectTls({
      address: { host: '127.0.0.1', port: listener.port },
      peerName: supervisorName(server),
      identity: client,
      signal: new AbortController().signal,
    });
    streams.push(stream);
    return stream;
  };

  it('is trusted at the other end of a link, and nowhere else', async () => {
    const authority = await keep();
    const [supervisor, client] = [await authority.supervisor(SERVER), await authority.client()];
    await link(supervisor, client);
    await expect(link(client, client)).rejects.toThrow(/other end of a link|somebody else/);
    await expect(link(supervisor, supervisor)).rejects.toThrow(/does not accept our certificate/);
    await expect(link(await authority.supervisor('other'), client)).rejects.toThrow(/somebody else/);
    const others = await keepLinkAuthority(new FakeCluster(), CA, { life: LIFE, now });
    await expect(link(await others.supervisor(SERVER), client)).rejects.toThrow(/another authority/);
    await expect(link(supervisor, await others.client())).rejects.toThrow(/another authority/);
  });

  it('is no authority itself, and lives as long as was asked for', async () => {
    const { cert, key } = await (await keep()).supervisor(SERVER);
    const read = new X509Certificate(cert);
    expect(read.ca).toBe(false);
    expect(read.validToDate.getTime()).toBe(Math.floor((time + LIFE) / 1_000) * 1_000);
    const forged = { cert, key };
    const below = new LinkAuthority({ authorities: [forged], life: DAY, now });
    const authority = await keep();
    const own = await below.client();
    const client = { ...own, cert: own.cert + cert, ca: (await authority.client()).ca };
    await expect(link(await authority.supervisor(SERVER), client)).rejects.toThrow(/does not accept/);
  });

  it('is trusted at every moment while one authority follows another', async () => {
    const first = await keep();
    const pods = [await first.supervisor(SERVER)];
    const gateways = [await first.client()];
    // The new one is there, and signs nothing yet.
    const [old] = authorities();
    const both = [(await renewAuthorities([], 'next', time - DAY / 2))[0]!, old!];
    const told = new LinkAuthority({ authorities: both, life: LIFE, now });
    pods.push(await told.supervisor(SERVER));
    gateways.push(await told.client());
    expect(signerOf(pods[1]!)).toBe(signerOf(pods[0]!));
    // A day later it signs; all have been told by then.
    const settled = new LinkAuthority({ authorities: both, life: LIFE, now: () => time + DAY });
    pods.push(await reDated(settled, both));
    expect(signerOf(pods[2]!)).not.toBe(signerOf(pods[0]!));
    for (const pod of pods.slice(0, 2)) for (const gateway of gateways) await link(pod, gateway);
    await link(pods[2]!, gateways[1]!);
    // One that nobody has told in that day would not.
    await expect(link(pods[2]!, gateways[0]!)).rejects.toThrow(/another authority/);
  });

  /** Signed by the one that signs then, and valid now. */
  async function reDated(
    then: LinkAuthority,
    both: Parameters<typeof renewAuthorities>[0],
  ): Promise<TlsIdentity> {
    const { ca } = await then.supervisor(SERVER);
    const now = new LinkAuthority({ authorities: both.slice(0, 1), life: LIFE, now: () => time });
    return { ...(await now.supervisor(SERVER)), ca };
  }
});

describe('the authority of a release', () => {
  it('is made once', async () => {
    await keep();
    const [made] = authorities();
    await keep();
    expect(authorities()).toEqual([made]);
    expect(cluster.calls).toEqual(['create secrets berth-link-ca']);
  });

  it('is replaced after a third of its year; the older one signs for a day more, and then loses its key', async () => {
    const first = await (await keep()).client();
    time += 121 * DAY;
    await keep();
    expect(authorities()).toHaveLength(1);
    time += DAY;
    const second = await (await keep()).client();
    expect(authorities().map(({ key }) => key !== undefined)).toEqual([true, true]);
    expect(signerOf(second)).toBe(signerOf(first));
    time += DAY;
    const third = await (await keep()).client();
    expect(authorities().map(({ key }) => key !== undefined)).toEqual([true, false]);
    expect(signerOf(third)).not.toBe(signerOf(first));
    // Both are trusted until the next change, long after the last certificate of the older one has ended.
    time += LIFE;
    expect((await (await keep()).client()).ca.match(/BEGIN/g)).toHaveLength(2);
    time += 365 * DAY;
    const fourth = await (await keep()).client();
    expect(fourth.ca.match(/BEGIN/g)).toHaveLength(1);
    expect(new X509Certificate(fourth.cert).validToDate.getTime()).toBeGreaterThan(time);
  });

  it('is made by one of two that begin at once', async () => {
    const [a, b] = await Promise.all([keep(), keep()]);
    expect(signerOf(await a.client())).toBe(signerOf(await b.client()));
    expect(authorities()).toHaveLength(1);
  });

  it('that cannot be read says what to do', async () => {
    await keep();
    cluster.put(SECRETS, { metadata: CA, data: { [AUTHORITIES_KEY]: 'bm8=' } } as KubeObject);
    await expect(keep()).rejects.toMatchObject({
      code: 'bad-setting',
      details: { hint: expect.stringContaining('Delete the Secret') },
    });
  });
});

describe('the certificate of the clients', () => {
  const client = async (): Promise<TlsIdentity> => keepClientCertificate(cluster, CLIENT, await keep());

  it('is kept for a third of its life, and renewed then', async () => {
    const first = await client();
    time += LIFE / 3 - 60_000;
    expect(await client()).toEqual(first);
    time += 60_000;
    const second = await client();
    expect(second.key).not.toBe(first.key);
    expect(await client()).toEqual(second);
  });

  it('is renewed at once when there is another authority to trust', async () => {
    const first = await client();
    time += 122 * DAY;
    const second = await client();
    expect([first, second].map(({ ca }) => ca.match(/BEGIN/g)?.length)).toEqual([1, 2]);
  });

  it('is made anew under a clock that was set back, which says nothing of its age', async () => {
    const first = await client();
    time -= 2 * DAY;
    expect((await client()).key).not.toBe(first.key);
  });
});
