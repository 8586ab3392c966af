/** Which way a link goes: by what the pod has, and by what we can show. */
import { randomUUID } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { JoinTarget } from '../../src/cluster/exec-carrier.ts';
import { type Pod, toReplicaPod } from '../../src/cluster/gateway/replica-pod.ts';
import { createPodCarrier, linkPortOf } from '../../src/cluster/pod-carrier.ts';
import { CLIENT_NAME, supervisorName, type TlsIdentity } from '../../src/link/tls-identity.ts';
import { listenTls } from '../../src/link/tls-listen.ts';
import { certificate } from '../support/certificates.ts';

const signal = new AbortController().signal;
const server = randomUUID();
const authority = certificate({ name: 'Berth test' });
const issue = (name: string): TlsIdentity => ({
  ...certificate({ name, issuer: authority }),
  ca: authority.cert,
});
const target = { namespace: 'demo', pod: 'mcp-web-1', server };

function execs() {
  const joined: JoinTarget[] = [];
  const connect = async (to: JoinTarget) => {
    joined.push(to);
    return new PassThrough();
  };
  return { exec: { connect }, joined };
}

function pod(ports: readonly { readonly name?: string; readonly containerPort: number }[]): Pod {
  return {
    metadata: { namespace: 'demo', name: 'mcp-web-1', uid: 'u', labels: { 'berth.dev/server-uid': server } },
    spec: {
      containers: [
        { name: 'workload', ports: [{ name: 'link', containerPort: 1 }] },
        { name: 'supervisor', ports },
      ],
    },
    status: { podIP: '10.0.0.1' },
  };
}

it('a pod listens when its supervisor has a port for links, whatever its server has', () => {
  expect(linkPortOf(pod([]))).toBeUndefined();
  expect(linkPortOf(pod([{ name: 'metrics', containerPort: 9 }]))).toBeUndefined();
  expect(linkPortOf(pod([{ name: 'link', containerPort: 8643 }]))).toBe(8643);
  expect(linkPortOf({})).toBeUndefined();
  expect(toReplicaPod(pod([{ name: 'link', containerPort: 8643 }]))).toMatchObject({
    address: '10.0.0.1',
    linkPort: 8643,
  });
});

it('goes over the network to a pod that listens, and shows who it is', async () => {
  const accepted: object[] = [];
  const listener = await listenTls({
    address: { host: '127.0.0.1', port: 0 },
    peerName: CLIENT_NAME,
    identity: issue(supervisorName(server)),
    accept: (stream) => void accepted.push(stream.on('error', () => {}).destroy()),
  });
  const { exec, joined } = execs();
  const carrier = createPodCarrier({ exec, identity: () => issue(CLIENT_NAME) });
  const listening = { ...target, address: '127.0.0.1', linkPort: listener.port };
  expect(carrier.choose(listening)).toBe('network');
  (await carrier.connect(listening, signal)).destroy();
  await expect(carrier.connect({ ...listening, server: randomUUID() }, signal)).rejects.toThrow(
    /somebody else/,
  );
  expect(joined).toEqual([]);
  await listener.close();
});

it.each([
  ['to a pod that does not listen', { address: '127.0.0.1', linkPort: undefined }, true],
  ['to a pod without an address', { address: undefined, linkPort: 8643 }, true],
  ['without a certificate', { address: '127.0.0.1', linkPort: 8643 }, false],
] as const)('goes by exec %s', async (_what, place, hasIdentity) => {
  const { exec, joined } = execs();
  const identity = () => (hasIdentity ? issue(CLIENT_NAME) : undefined);
  for (const carrier of [
    createPodCarrier({ exec, identity }),
    ...(hasIdentity ? [] : [createPodCarrier({ exec })]),
  ]) {
    expect(carrier.choose(place)).toBe('exec');
    await carrier.connect({ ...target, ...place }, signal);
    expect(joined.pop()).toEqual({
      namespace: 'demo',
      pod: 'mcp-web-1',
      container: 'supervisor',
      socket: '/run/berth/link/link.sock',
    });
  }
});
