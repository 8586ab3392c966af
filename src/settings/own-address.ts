/** Under which address a gateway is called that nobody has given one, and why that one. */
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

export interface OwnAddress {
  /** An IP address. */
  readonly address: string;
  /** Where it comes from, in words for a log. */
  readonly from: string;
  /** What an operator should know about it. */
  readonly warning?: string;
}

/** What is asked, in this order. */
export interface AddressSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** That the machine's own name leads to; undefined where it leads nowhere. */
  readonly ofHostName: () => Promise<string | undefined>;
  /** That the machine would send from; undefined where it has no way out. */
  readonly outward: () => Promise<string | undefined>;
}

export const ADDRESS_SOURCES: AddressSources = {
  env: process.env,
  ofHostName: () =>
    lookup(hostname()).then(
      ({ address }) => address,
      () => undefined,
    ),
  outward: outwardAddress,
};

const LOOPBACK = '127.0.0.1';

/** Of a gateway that listens on every address. */
export async function ownAddress(sources: AddressSources = ADDRESS_SOURCES): Promise<OwnAddress> {
  const { env } = sources;
  const { POD_IP: podIp } = env;
  if (podIp !== undefined && isIP(podIp) > 0) return { address: podIp, from: 'POD_IP' };
  const inCluster = env.KUBERNETES_SERVICE_HOST !== undefined;
  const found = inCluster ? await first(sources) : await outwardOnly(sources);
  if (!inCluster) return found;
  const said = podIp === undefined ? 'is not set' : 'is no address';
  return {
    ...found,
    warning: `POD_IP ${said}: URLs are built from ${found.from}. Set publicUrl, or POD_IP from status.podIP.`,
  };
}

/** In a pod its own name stands in its hosts file. */
async function first(sources: AddressSources): Promise<OwnAddress> {
  const address = await sources.ofHostName();
  return isOutside(address) ? { address, from: 'the host name' } : outwardOnly(sources);
}

async function outwardOnly({ outward }: AddressSources): Promise<OwnAddress> {
  const address = await outward();
  return isOutside(address)
    ? { address, from: 'the way out of this machine' }
    : { address: LOOPBACK, from: 'this machine alone, which has no other address' };
}

function isOutside(address: string | undefined): address is string {
  return (
    address !== undefined && isIP(address) > 0 && address !== '0.0.0.0' && !/^(127\.|::1?$)/.test(address)
  );
}

/** An address for documentation: no packet is sent, the system only looks up which way one would go. */
const ELSEWHERE = { address: '192.0.2.1', port: 9 } as const;

function outwardAddress(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (address?: string): void => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => end());
    socket.connect(ELSEWHERE.port, ELSEWHERE.address, () => end(socket.address().address));
  });
}
