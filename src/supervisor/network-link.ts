/** The supervisor's port for links over the network, where it has certificates for one. */
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { watchIdentity } from '../link/mounted-identity.ts';
import { CLIENT_NAME } from '../link/tls-identity.ts';
import { listenTls, type TlsListener } from '../link/tls-listen.ts';

export interface NetworkLinkConfig {
  readonly port: number;
  /** Folder of the certificates, which are renewed under the running program. */
  readonly certificates: string;
}

export interface NetworkLinkOptions extends NetworkLinkConfig {
  readonly accept: (stream: Duplex) => void;
  readonly clock: Clock;
  /** One line for the log of the container. */
  readonly say: (line: Readonly<Record<string, string>>) => void;
}

/** Milliseconds for which one reason is not told again: whoever is refused can try as often as he likes. */
const QUIET = 60_000;
/** Reasons that are remembered; what a peer makes the libraries say is not bounded by us. */
const MOST_REASONS = 50;

export interface NetworkLink {
  readonly port: number;
  /** Listens no more; links go on. Idempotent. */
  close(): Promise<void>;
}

/** Rejects with `bad-setting` without certificates, and with `conflict` when the port is taken. */
export async function listenNetworkLink(options: NetworkLinkOptions): Promise<NetworkLink> {
  const { port, certificates, accept, clock, say } = options;
  const onRefused = oncePer(clock, (reason) => say({ warning: 'a link was refused', reason }));
  let listener: TlsListener | undefined;
  const mounted = await watchIdentity({
    folder: certificates,
    clock,
    onRenewed: (identity) => {
      listener?.renew(identity);
      say({ info: 'the certificates of the link were renewed' });
    },
    onError: ({ message }) => say({ warning: message }),
  });
  const close = async (): Promise<void> => {
    mounted.close();
    await listener?.close();
  };
  try {
    const identity = mounted.current;
    listener = await listenTls({ address: { port }, peerName: CLIENT_NAME, identity, accept, onRefused });
    return { port: listener.port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function oncePer(clock: Clock, tell: (reason: string) => void): (reason: string) => void {
  const told = new Map<string, number>();
  return (reason) => {
    const now = clock.now();
    if (now - (told.get(reason) ?? Number.NEGATIVE_INFINITY) < QUIET) return;
    if (told.size >= MOST_REASONS) told.clear();
    told.set(reason, now);
    tell(reason);
  };
}
