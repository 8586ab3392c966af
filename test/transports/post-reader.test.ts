/** A POST whose session goes while it waits, as with a supervisor that is killed. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { PostReader } from '../../src/transports/post-reader.ts';
import { open } from '../support/http-client.ts';

let server: Server;
afterEach(() => server.close());

const ANSWER = '{"jsonrpc":"2.0","id":"b","result":{}}';

/** The answer's text, after a reader of requests with these ids was told of `answered` and of its end. */
async function textOf(ids: readonly string[], answered: readonly string[]): Promise<string> {
  const plain = false;
  server = createServer((_request, response) => {
    const reader = new PostReader({ response, clock: systemClock, ids, plain, primed: true });
    reader.accepted(3);
    reader.event(eventOf('notification', '{"jsonrpc":"2.0","method":"n"}', 1));
    answered.forEach((text, index) => {
      reader.event(eventOf('answer', text, index + 2));
    });
    reader.end('ended');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return (await open(url, { method: 'POST', body: '' })).text();
}

function eventOf(kind: 'notification' | 'answer', text: string, seq: number) {
  const bytes = Buffer.from(text);
  return { seq, kind, parts: [bytes], bytes: bytes.length };
}

describe('a stream whose session has ended meanwhile', () => {
  it('brings an error for the request that has no answer', async () => {
    const text = await textOf(['"a"'], []);
    expect(text).toContain('data: {"jsonrpc":"2.0","id":"a","error":{"code":');
    expect(text).toContain('the server ended before it answered');
  });

  it('brings one for each request of a batch that has none, and only for those', async () => {
    const text = await textOf(['"a"', '"b"', '7'], [ANSWER]);
    expect(text.match(/"id":[^,]*,"error"/g)).toEqual(['"id":"a","error"', '"id":7,"error"']);
  });

  it('says nothing more when everything was answered', async () => {
    expect(await textOf(['"b"'], [ANSWER])).not.toContain('error');
  });

  it.each(['1.0', '10e-1', '"\\u0061"', '9007199254740993'])(
    'knows an answer to %s, however the id is written',
    async (id) => {
      const text = await textOf(['"other"', id], [`{"jsonrpc":"2.0","result":{},"id":${id}}`]);
      expect(text.match(/"id":[^,]*,"error"/g)).toEqual(['"id":"other","error"']);
    },
  );
});

describe('a response that has not begun when the session ends', () => {
  const bodyOf = async (taken: boolean): Promise<{ status: number; error: unknown }> => {
    server = createServer((_request, response) => {
      const reader = new PostReader({
        ...{ response, clock: systemClock, ids: ['7'], plain: true, primed: true },
      });
      if (taken) reader.accepted(3);
      reader.end('ended');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const response = await open(url, { method: 'POST', body: '' });
    const { id, error } = JSON.parse(await response.text()) as { id: number; error: unknown };
    expect(id).toBe(7);
    return { status: response.status, error };
  };

  it('says that the call may have been carried out when it had been taken', async () => {
    const { status, error } = await bodyOf(true);
    expect(status).toBe(502);
    expect(error).toMatchObject({
      message: expect.stringContaining('it is not known whether the call was carried out'),
      data: { code: 'process-exited' },
    });
  });

  it('says that there is no such session when it had not', async () => {
    const { status, error } = await bodyOf(false);
    expect(status).toBe(404);
    expect(error).toMatchObject({ message: 'the session has ended', data: { code: 'unknown-session' } });
  });
});
