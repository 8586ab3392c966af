/** Remote hosts are connected to at the addresses that were checked, and at no others (T-28: SSRF by what a name means). */
import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHttpAgent, exchange } from '../../src/channels/http-client.ts';
import { systemClock } from '../../src/clock.ts';
import { createCheckedLookup, type Resolve } from '../../src/runtimes/remote-lookup.ts';
import { createRemotePolicy } from '../../src/servers/remote-policy.ts';
import { type HttpPeer, startPeer } from '../support/http-peer.ts';

/** Answers the n-th look-up with the n-th list, and the last one from then on. */
function answering(...lists: (string[] | Error)[]): Resolve {
  let count = 0;
  return (_hostname, _options, done) => {
    const list = lists[Math.min(count++, lists.length - 1)] ?? [];
    if (list instanceof Error) return done(list, []);
    const addresses = list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    done(null, addresses as LookupAddress[]);
  };
}

function look(resolve: Resolve, { all = true, allowed = [] as string[] } = {}): Promise<unknown> {
  const lookup = createCheckedLookup(createRemotePolicy(allowed), resolve);
  return new Promise((done, fail) => {
    lookup('mcp.example.com', { all }, (error, address, family) => {
      if (error) fail(error);
      else done(all ? address : [address, family]);
    });
  });
}

describe('the look-up of a remote host', () => {
  it('gives all of its addresses, or one', async () => {
    const resolve = answering(['8.8.8.8', '2606:4700::1']);
    expect(await look(resolve)).toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
    expect(await look(resolve, { all: false })).toEqual(['8.8.8.8', 4]);
  });

  it.each([
    ['127.0.0.1'],
    ['8.8.8.8', '10.0.0.1'],
    ['8.8.8.8', '::ffff:169.254.169.254'],
    ['64:ff9b::a00:1'],
    ['2002:7f00:1::1'],
    ['fd00::1'],
  ])('refuses the name when one of them is not public (%s, %s)', async (...addresses) => {
    const refused = look(answering(addresses.filter((address) => address !== undefined)));
    await expect(refused).rejects.toMatchObject({
      code: 'not-allowed',
      message: `mcp.example.com (${addresses.at(-1)}) is not a public address`,
      details: { phase: 'resolve', hint: expect.stringContaining('remote.allowedHosts') },
    });
  });

  it('gives what the operator has listed', async () => {
    const resolve = answering(['10.0.0.1']);
    expect(await look(resolve, { allowed: ['mcp.example.com'] })).toHaveLength(1);
    expect(await look(resolve, { allowed: ['10.0.0.0/8'] })).toHaveLength(1);
  });

  it('passes on that there is no such name', async () => {
    const error = Object.assign(new Error('x'), { code: 'ENOTFOUND' });
    await expect(look(answering(error))).rejects.toBe(error);
    await expect(look(answering([]))).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });
});

describe('a connection to a remote host', () => {
  let peer: HttpPeer;
  beforeEach(async () => {
    peer = await startPeer(({ response }) => void response.writeHead(200, { connection: 'close' }).end('ok'));
  });
  afterEach(() => peer.close());

  function get(resolve: Resolve, hostname = 'rebinding.example.com') {
    const url = new URL(`http://${hostname}:${peer.url.port}/`);
    const lookup = createCheckedLookup(createRemotePolicy(['127.0.0.1']), resolve);
    const endpoint = { url, headers: {}, agent: createHttpAgent(url, { lookup }) };
    return async (): Promise<number | undefined> => {
      const { response } = exchange(endpoint, { method: 'GET', headers: {} }, systemClock);
      const head = await response;
      head.resume();
      return head.statusCode;
    };
  }

  it('goes to what was checked, and is refused when the name means something else the next time', async () => {
    const fetch = get(answering(['127.0.0.1'], ['127.0.0.2']));
    expect(await fetch()).toBe(200);
    expect(peer.requests[0]?.headers.host).toBe(`rebinding.example.com:${peer.url.port}`);
    await expect(fetch()).rejects.toMatchObject({ code: 'not-allowed' });
    expect(peer.requests).toHaveLength(1);
  });

  it('is looked up once, not once to check and once to connect', async () => {
    let count = 0;
    const fetch = get((_hostname, _options, done) => {
      // A name server of the attacker's: honest first, then not.
      done(null, [{ address: count++ === 0 ? '127.0.0.1' : '127.0.0.2', family: 4 }]);
    });
    expect(await fetch()).toBe(200);
    expect(count).toBe(1);
  });

  it('to a name that is not known says so', async () => {
    const fetch = get(answering(Object.assign(new Error('x'), { code: 'ENOTFOUND' })));
    await expect(fetch()).rejects.toMatchObject({
      code: 'remote-failed',
      details: { hint: expect.stringContaining('rebinding.example.com is not known here') },
    });
  });
});
