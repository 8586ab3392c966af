import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient } from '../../src/cluster/api-client.ts';
import { apiStatusOf } from '../../src/cluster/api-status.ts';
import { AWAY_AFTER, MOST_IN_HAND, REQUEST_LIMIT } from '../../src/cluster/api-transport.ts';
import { DEPLOYMENTS, LEASES, MCP_SERVERS, NAMESPACES, PODS, SECRETS } from '../../src/cluster/resources.ts';
import { until } from '../link/waiting.ts';
import { bodyOf, json, StandInApi, status, type TestAccess } from './stand-in-api.ts';
import { settled as settledBut, WatchedClock } from './watched-clock.ts';

const POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-1', namespace: 'demo', uid: 'u1' } };
const TARGET = { namespace: 'demo', name: 'web-1' };

let api: StandInApi;
let clock: WatchedClock;
let access: TestAccess;
let client: ApiClient;
let bodies: string[];

beforeEach(async () => {
  api = await StandInApi.start();
  clock = new WatchedClock();
  bodies = [];
  access = api.access(() => ({ headers: { authorization: 'Bearer token' }, tls: {} }));
  client = new ApiClient({ access, clock, random: () => 1 });
});
afterEach(async () => {
  client.close();
  client.close();
  await api.close();
});

type Reply = (response: ServerResponse, request: IncomingMessage) => void;

/** Answers one request after the other, the last answer for all that follow; bodies are kept. */
function reply(...replies: Reply[]): void {
  let at = 0;
  api.answer = (request, response) => {
    const answer = replies[Math.min(at++, replies.length - 1)] as Reply;
    void bodyOf(request).then((body) => {
      bodies.push(body);
      answer(response, request);
    });
  };
}
const ok =
  (body: unknown, code = 200): Reply =>
  (response) =>
    json(response, code, body);
const refuse =
  (code: number, reason: string, headers: Record<string, string> = {}, message = `it is ${reason}`): Reply =>
  (response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    status(response, code, reason, message);
  };
const cut: Reply = (_response, request) => request.socket.destroy();
const last = () => {
  const { method, url, headers } = api.requests.at(-1) ?? expect.fail('no request');
  return { method, path: url.pathname + url.search, headers, body: bodies.at(-1) ?? '' };
};
const settled = <T>(asked: Promise<T>): Promise<T> => settledBut(asked, clock, REQUEST_LIMIT);
const failure = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => expect.fail('it went well'),
    (error: unknown) => error,
  );

describe('the API client', () => {
  it('gets an object, with the credentials, and nothing for one that is not there', async () => {
    reply(ok(POD));
    expect(await client.get(PODS, TARGET)).toEqual(POD);
    expect(last()).toMatchObject({ method: 'GET', path: '/api/v1/namespaces/demo/pods/web-1', body: '' });
    expect(last().headers).toMatchObject({
      authorization: 'Bearer token',
      accept: 'application/json',
      'user-agent': 'berth',
    });
    reply(refuse(404, 'NotFound'));
    expect(await client.get(PODS, TARGET)).toBeUndefined();
    await client.get(NAMESPACES, { name: 'a b/c' });
    expect(last().path).toBe('/api/v1/namespaces/a%20b%2Fc');
  });

  it('reads and writes parts of an object', async () => {
    reply(ok({ metadata: {}, spec: { replicas: 2 } }));
    await client.get(DEPLOYMENTS, TARGET, { subresource: 'scale' });
    expect(last().path).toBe('/apis/apps/v1/namespaces/demo/deployments/web-1/scale');
    await client.patch(DEPLOYMENTS, TARGET, { subresource: 'scale', patch: { spec: { replicas: 3 } } });
    expect(last()).toMatchObject({ method: 'PATCH', body: '{"spec":{"replicas":3}}' });
    expect(last().headers['content-type']).toBe('application/merge-patch+json');
    const server = { metadata: TARGET, status: { state: 'running' } };
    await client.apply(MCP_SERVERS, server, { manager: 'berth/status', subresource: 'status' });
    expect(last().path).toBe(
      '/apis/berth.dev/v1alpha1/namespaces/demo/mcpservers/web-1/status?fieldManager=berth%2Fstatus',
    );
  });

  it('lists by selector and page', async () => {
    reply(ok({ metadata: { resourceVersion: '7', continue: 'more' }, items: [POD] }));
    const page = await client.list(PODS, { namespace: 'demo', labelSelector: 'a=b,c', limit: 1 });
    expect(page).toEqual({ items: [POD], resourceVersion: '7', continue: 'more' });
    expect(last().path).toBe('/api/v1/namespaces/demo/pods?labelSelector=a%3Db%2Cc&limit=1');
    reply(ok({ metadata: { resourceVersion: '7', continue: '' } }));
    expect(await client.list(PODS, { continue: 'more', fieldSelector: 'spec.nodeName=n' })).toEqual({
      items: [],
      resourceVersion: '7',
      continue: undefined,
    });
    expect(last().path).toBe('/api/v1/pods?fieldSelector=spec.nodeName%3Dn&continue=more');
  });

  it('creates, with its kind filled in, on trial too', async () => {
    reply(ok(POD, 201));
    await client.create(SECRETS, { metadata: { name: 's', namespace: 'demo' } }, { dryRun: true });
    expect(last()).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/demo/secrets?dryRun=All' });
    expect(JSON.parse(last().body)).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's', namespace: 'demo' },
    });
  });

  it('tells what the API server warns of, beside an answer that is a success', async () => {
    const said: string[] = [];
    reply((response) => {
      response.setHeader('warning', ['299 - "one \\"a\\", two"', '299 berth "three \\\\"', 'nonsense']);
      json(response, 200, POD);
    });
    const options = { manager: 'm', onWarning: (text: string) => said.push(text) };
    expect(await client.apply(PODS, POD, options)).toEqual(POD);
    expect(said).toEqual(['one "a", two', 'three \\']);
  });

  it('replaces an object as it was last seen', async () => {
    reply(refuse(409, 'Conflict'));
    const lease = { metadata: { name: 'l', namespace: 'demo', resourceVersion: '3' } };
    expect(await failure(client.replace(LEASES, lease))).toMatchObject({ code: 'conflict' });
    expect(last()).toMatchObject({
      method: 'PUT',
      path: '/apis/coordination.k8s.io/v1/namespaces/demo/leases/l',
    });
    expect(api.requests).toHaveLength(1);
  });

  it('applies on the server, by force where it is told to', async () => {
    reply(ok(POD));
    await client.apply(DEPLOYMENTS, { metadata: TARGET }, { manager: 'berth', force: true });
    expect(last()).toMatchObject({
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/demo/deployments/web-1?fieldManager=berth&force=true',
    });
    expect(last().headers['content-type']).toBe('application/apply-patch+yaml');
    expect(JSON.parse(last().body)).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment' });
  });

  it('deletes this very object', async () => {
    reply(ok(POD));
    const options = { propagation: 'Foreground', uid: 'u1', gracePeriodSeconds: 0 } as const;
    expect(await client.remove(PODS, TARGET, options)).toBe(true);
    expect(JSON.parse(last().body)).toEqual({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Foreground',
      gracePeriodSeconds: 0,
      preconditions: { uid: 'u1' },
    });
    reply(refuse(404, 'NotFound'));
    expect(await client.remove(PODS, TARGET)).toBe(false);
    expect(JSON.parse(last().body)).toEqual({ apiVersion: 'v1', kind: 'DeleteOptions' });
    reply(refuse(409, 'Conflict'));
    expect(await failure(client.remove(PODS, TARGET, { uid: 'u2' }))).toMatchObject({ code: 'conflict' });
  });

  it('asks what it may do', async () => {
    reply(ok({ status: { allowed: true, reason: 'by a role' } }), ok({ status: { denied: true } }), ok({}));
    const question = { verb: 'create', group: '', resource: 'pods', subresource: 'exec', namespace: 'demo' };
    expect(await client.may(question)).toEqual({ allowed: true, reason: 'by a role' });
    expect(JSON.parse(last().body)).toMatchObject({
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: question },
    });
    expect(await client.may(question)).toEqual({ allowed: false, reason: '' });
    expect(await client.may(question)).toEqual({ allowed: false, reason: '' });
  });

  it('uses one connection for one request after the other, and a bounded number for many at once', async () => {
    reply(ok(POD));
    for (let round = 0; round < 20; round++) await client.get(PODS, TARGET);
    expect(api.connections).toBe(1);
    await Promise.all(Array.from({ length: 100 }, () => client.get(PODS, TARGET)));
    expect(api.connections).toBeLessThanOrEqual(16);
  });
});

describe('what the API server refuses', () => {
  it.each([
    [400, 'BadRequest', 'internal'],
    [401, 'Unauthorized', 'cluster-refused'],
    [403, 'Forbidden', 'cluster-refused'],
    [409, 'AlreadyExists', 'conflict'],
    [410, 'Expired', 'internal'],
    [422, 'Invalid', 'internal'],
    [429, 'TooManyRequests', 'busy'],
    [500, 'InternalError', 'busy'],
  ])('with %d %s is %s', async (code, reason, meaning) => {
    reply(refuse(code, reason));
    const error = failure(settled(client.create(PODS, { metadata: TARGET })));
    expect(await error).toMatchObject({
      code: meaning,
      message: `cannot create pods demo/web-1: it is ${reason}`,
    });
    expect(apiStatusOf(await error)).toMatchObject({ code, reason });
  });
});

describe('a policy that refuses', () => {
  it.each([
    [
      422,
      "pods is invalid: : ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
      "ValidatingAdmissionPolicy 'p'",
    ],
    [
      403,
      "pods is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
      "ValidatingAdmissionPolicy 'p'",
    ],
    [
      400,
      'admission webhook "images.example.com" denied the request: no',
      'admission webhook "images.example.com"',
    ],
  ])('with %d is named: %s', async (code, message, policy) => {
    reply(refuse(code, 'Whatever', {}, message));
    expect(await failure(settled(client.create(PODS, { metadata: TARGET })))).toMatchObject({
      code: 'cluster-refused',
      message: expect.stringContaining(message),
      hint: `The ${policy} of the cluster forbids it: do what its message says, or ask who runs the cluster to change it.`,
    });
  });
});

describe('a request that fails', () => {
  it.each([
    ['the server is overloaded', refuse(429, 'TooManyRequests')],
    ['the server is not well', refuse(503, 'ServiceUnavailable')],
    ['the connection breaks', cut],
    ['the answer is no JSON', ((response) => response.end('<html>')) as Reply],
    [
      'the answer breaks off',
      ((response, request) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"a":');
        setTimeout(() => request.socket.destroy(), 5);
      }) as Reply,
    ],
  ])('is repeated when %s', async (_name, bad) => {
    reply(bad, bad, ok(POD));
    expect(await settled(client.get(PODS, TARGET))).toEqual(POD);
    expect(api.requests).toHaveLength(3);
  });

  it('is repeated five times at most', async () => {
    reply(refuse(503, 'ServiceUnavailable'));
    expect(await failure(settled(client.get(PODS, TARGET)))).toMatchObject({ code: 'busy' });
    expect(api.requests).toHaveLength(5);
  });

  it('is repeated no more once nothing was heard for two seconds, until something is', async () => {
    reply(cut);
    const requests = async (): Promise<number> => {
      api.requests.length = 0;
      expect(await failure(settled(client.get(PODS, TARGET)))).toMatchObject({ code: 'busy' });
      return api.requests.length;
    };
    expect(await requests()).toBeGreaterThan(1);
    clock.advance(AWAY_AFTER);
    expect([await requests(), await requests()]).toEqual([1, 1]);
    reply(ok(POD));
    expect(await settled(client.get(PODS, TARGET))).toEqual(POD);
    reply(cut, cut, ok(POD));
    expect(await settled(client.get(PODS, TARGET))).toEqual(POD);
  });

  it('waits as long as the server asks', async () => {
    reply(refuse(503, 'ServiceUnavailable', { 'retry-after': '3' }), ok(POD));
    const asked = client.get(PODS, TARGET);
    await until('the wait', () => clock.waits.includes(3_250));
    clock.advance(3_249);
    expect(clock.waits).toEqual([3_250]);
    clock.advance(1);
    expect(await asked).toEqual(POD);
  });

  it('is not waited for longer in all than one request may take, however long the server asks to wait', async () => {
    reply(refuse(429, 'TooManyRequests', { 'retry-after': '16' }));
    const error = failure(client.get(PODS, TARGET));
    await until('the wait', () => clock.waits.includes(16_250));
    clock.advance(16_250);
    expect(await error).toMatchObject({ code: 'busy' });
    expect(api.requests).toHaveLength(2);
  });

  it('is refused at once when too many are in hand, and taken again when they are not', async () => {
    reply(ok(POD));
    const asked = Array.from({ length: MOST_IN_HAND }, () => client.get(PODS, TARGET));
    expect(await failure(client.get(PODS, TARGET))).toMatchObject({
      code: 'busy',
      message: `cannot get pods demo/web-1: ${MOST_IN_HAND} requests to the API server are in hand already`,
    });
    await Promise.all(asked);
    expect(await client.get(PODS, TARGET)).toEqual(POD);
  });

  it('is not repeated when it might be done twice', async () => {
    for (const bad of [refuse(503, 'ServiceUnavailable'), cut]) {
      api.requests.length = 0;
      reply(bad, ok(POD));
      expect(await failure(settled(client.create(PODS, { metadata: TARGET })))).toMatchObject({
        code: 'busy',
      });
      expect(api.requests).toHaveLength(1);
    }
    reply(refuse(429, 'TooManyRequests'), ok(POD, 201));
    await settled(client.create(PODS, { metadata: TARGET }));
  });

  it('is repeated at once on another connection when the kept one has died', async () => {
    reply(ok(POD), cut, ok(POD));
    await client.get(PODS, TARGET);
    expect(await client.get(PODS, TARGET)).toEqual(POD);
    expect(api.requests).toHaveLength(3);
  });

  it('is repeated once with new credentials', async () => {
    reply(refuse(401, 'Unauthorized'), ok(POD, 201));
    await settled(client.create(PODS, { metadata: TARGET }));
    expect(access.refreshes).toBe(1);
    reply(refuse(401, 'Unauthorized'));
    api.requests.length = 0;
    expect(await failure(settled(client.get(PODS, TARGET)))).toMatchObject({
      code: 'cluster-refused',
      hint: expect.stringContaining('credentials'),
    });
    expect(api.requests).toHaveLength(2);
  });

  it('is given up after a time', async () => {
    reply(() => {});
    const error = failure(client.get(PODS, TARGET));
    await until('the request', () => bodies.length === 1);
    clock.advance(REQUEST_LIMIT);
    expect(await error).toMatchObject({ code: 'busy', message: expect.stringContaining('30 s') });
    expect(api.requests).toHaveLength(1);
  });

  it('is given up by whoever asked, waiting too', async () => {
    reply(() => {});
    const asking = new AbortController();
    const error = failure(client.get(PODS, TARGET, { signal: asking.signal }));
    await until('the request', () => bodies.length === 1);
    asking.abort(new Error('no longer wanted'));
    expect(await error).toMatchObject({ message: 'no longer wanted' });
    reply(refuse(503, 'ServiceUnavailable'));
    const waiting = new AbortController();
    const second = failure(client.get(PODS, TARGET, { signal: waiting.signal }));
    await until('the wait', () => clock.waits.includes(500));
    waiting.abort(new Error('no longer either'));
    expect(await second).toMatchObject({ message: 'no longer either' });
    expect(await failure(client.get(PODS, TARGET, { signal: waiting.signal }))).toMatchObject({
      message: 'no longer either',
    });
    expect(api.requests).toHaveLength(2);
  });

  it('is given up when the client is closed', async () => {
    reply(() => {});
    const error = failure(client.get(PODS, TARGET));
    await until('the request', () => bodies.length === 1);
    client.close();
    expect(await error).toMatchObject({ code: 'busy', message: expect.stringContaining('closed') });
    expect(await failure(client.get(PODS, TARGET))).toMatchObject({ code: 'busy' });
  });
});
