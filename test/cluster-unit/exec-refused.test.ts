import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/clock.ts';
import { apiStatusOf } from '../../src/cluster/api-status.ts';
import { openExec } from '../../src/cluster/exec-channel.ts';
import { HANDSHAKE_LIMIT } from '../../src/cluster/exec-socket.ts';
import { until } from '../link/waiting.ts';
import { refusal, StandInApi, type TestAccess } from './stand-in-api.ts';

const TARGET = { namespace: 'demo', pod: 'web-1', container: 'supervisor', command: ['/bin/join'] };

let api: StandInApi;
let clock: ManualClock;
let access: TestAccess;

beforeEach(async () => {
  api = await StandInApi.start();
  clock = new ManualClock();
  access = api.access();
});
afterEach(() => api.close());

const open = (signal = new AbortController().signal) => openExec({ access, target: TARGET, clock, signal });
const failure = async (signal?: AbortSignal) => {
  const error: unknown = await open(signal).then(
    () => expect.fail('it opened'),
    (reason: unknown) => reason,
  );
  return error;
};
const refuseWith = (code: number, body: string | object, headers: Record<string, string> = {}): void => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  api.refuse = (socket) => {
    socket.end(refusal(code, headers, text));
    return true;
  };
};
const statusOf = (code: number, reason: string, message: string) => ({
  kind: 'Status',
  status: 'Failure',
  code,
  reason,
  message,
});

describe('an exec that the cluster refuses', () => {
  it('says which right is missing', async () => {
    const message =
      'pods "web-1" is forbidden: User "system:serviceaccount:berth:gateway" cannot create resource "pods/exec" ' +
      'in API group "" in the namespace "demo"';
    refuseWith(403, statusOf(403, 'Forbidden', message));
    expect(await failure()).toMatchObject({
      code: 'cluster-refused',
      message: `cannot run a command in container supervisor of pod demo/web-1: ${message}`,
      hint: 'Grant system:serviceaccount:berth:gateway in namespace demo: apiGroups [""], resources ["pods/exec"], verbs ["create"].',
    });
  });

  it('says which rights an exec needs where the server does not', async () => {
    refuseWith(403, statusOf(403, 'Forbidden', 'pods "web-1" is forbidden: '));
    expect(await failure()).toMatchObject({
      code: 'cluster-refused',
      message: expect.stringContaining('is forbidden'),
      hint: 'Grant our account in namespace demo: apiGroups [""], resources ["pods/exec"], verbs ["get", "create"].',
    });
  });

  it('lets a policy speak for itself', async () => {
    const message =
      "ValidatingAdmissionPolicy 'berth-exec' with binding 'berth-exec' denied request: not our command";
    refuseWith(403, statusOf(403, 'Forbidden', message));
    const error = await failure();
    expect(error).toMatchObject({ code: 'cluster-refused', message: expect.stringContaining(message) });
    expect(error).toMatchObject({ hint: expect.stringContaining("'berth-exec'") });
  });

  it('says that the pod is gone', async () => {
    refuseWith(404, statusOf(404, 'NotFound', 'pods "web-1" not found'));
    const error = await failure();
    expect(error).toMatchObject({ code: 'not-found', message: expect.stringContaining('"web-1" not found') });
    expect(apiStatusOf(error)).toMatchObject({ code: 404, reason: 'NotFound', retryAfter: undefined });
  });

  it('says that the container does not run', async () => {
    refuseWith(400, statusOf(400, 'BadRequest', 'container supervisor is not running'));
    expect(await failure()).toMatchObject({
      code: 'busy',
      message: expect.stringContaining('is not running'),
      hint: expect.stringContaining('ready'),
    });
  });

  it.each([429, 503])('knows how long to wait after %d', async (code) => {
    refuseWith(code, statusOf(code, 'TooManyRequests', 'later'), { 'retry-after': '7' });
    const error = await failure();
    expect(error).toMatchObject({ code: 'busy' });
    expect(apiStatusOf(error)).toMatchObject({ code, retryAfter: 7_000 });
  });

  it('shows what is no Status object, within bounds', async () => {
    refuseWith(502, `<html>${'x'.repeat(200_000)}`, { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' });
    const error = await failure();
    expect(error).toMatchObject({ code: 'busy', message: expect.stringContaining('<html>xx') });
    expect((error as Error).message.length).toBeLessThan(1_200);
    expect(apiStatusOf(error)?.retryAfter).toBeUndefined();
  });

  it('says the status when there is no text, and follows no redirect', async () => {
    refuseWith(302, '', { location: 'http://127.0.0.1:1/elsewhere' });
    expect(await failure()).toMatchObject({
      code: 'internal',
      message: expect.stringContaining('status 302'),
    });
    expect(api.requests).toHaveLength(1);
  });

  it('counts an answer that breaks off as what it began with', async () => {
    api.refuse = (socket) => {
      socket.end('HTTP/1.1 503 Refused\r\ncontent-length: 500\r\n\r\n{"message":"half');
      return true;
    };
    expect(await failure()).toMatchObject({ code: 'busy', message: expect.stringContaining('half') });
  });

  it('reads the credentials again, once, when they are refused', async () => {
    let refusals = 0;
    api.refuse = (socket) => {
      if (refusals++ > 0) return false;
      socket.end(refusal(401, {}, JSON.stringify(statusOf(401, 'Unauthorized', 'Unauthorized'))));
      return true;
    };
    const channel = await open();
    expect(access.refreshes).toBe(1);
    channel.destroy();

    refuseWith(401, statusOf(401, 'Unauthorized', 'Unauthorized'));
    expect(await failure()).toMatchObject({
      code: 'cluster-refused',
      hint: expect.stringContaining('credentials'),
    });
    expect(access.refreshes).toBe(2);
    expect(api.requests).toHaveLength(4);
  });
});

describe('an exec that never opens', () => {
  const held: Duplex[] = [];
  const hang = (begin = ''): void => {
    api.refuse = (socket) => {
      socket.write(begin);
      held.push(socket);
      return true;
    };
  };
  afterEach(() => held.splice(0));

  it.each(['', 'HTTP/1.1 101 Switching', 'HTTP/1.1 403 Refused\r\ncontent-length: 10\r\n\r\n{'])(
    'is given up after a time (the server said %j)',
    async (begin) => {
      hang(begin);
      const failed = failure();
      await until('the request', () => held.length > 0);
      clock.advance(HANDSHAKE_LIMIT);
      expect(await failed).toMatchObject({ code: 'busy', message: expect.stringContaining('10 s') });
      await until(
        'the end of the connection',
        () => held[0]?.destroyed === true || held[0]?.readableEnded === true,
      );
    },
  );

  it('is given up by whoever asked', async () => {
    hang();
    const asking = new AbortController();
    const failed = failure(asking.signal);
    await until('the request', () => held.length > 0);
    asking.abort(new Error('no longer wanted'));
    expect(await failed).toMatchObject({ message: 'no longer wanted' });
    expect(await failure(AbortSignal.abort(new Error('never wanted')))).toMatchObject({
      message: 'never wanted',
    });
    expect(api.requests).toHaveLength(1);
  });

  it('says that nobody is there', async () => {
    const gone = await StandInApi.start();
    access = gone.access();
    await gone.close();
    expect(await failure()).toMatchObject({ code: 'busy', message: expect.stringContaining('ECONNREFUSED') });
  });

  it('says that the other side speaks something else', async () => {
    api.protocols = [];
    expect(await failure()).toMatchObject({ code: 'busy', message: expect.stringContaining('subprotocol') });
  });
});
