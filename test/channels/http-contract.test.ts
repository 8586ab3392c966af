/** The HTTP channel keeps the contract of channels, over a session with its standalone stream. */
import type { ServerResponse } from 'node:http';
import { createHttpChannel } from '../../src/channels/http.ts';
import { type ChannelRig, channelContract, LINE_LIMIT, type Recorder } from '../contract/channel.ts';
import {
  event,
  events,
  json,
  type PeerRequest,
  RESULT,
  startPeer,
  stuckWatch,
} from '../support/http-peer.ts';
import { eventually } from '../support/local-process.ts';

const INITIALIZE = '{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{}}';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

async function rig(): Promise<ChannelRig> {
  const peer = await startPeer();
  const channel = createHttpChannel({ endpoint: peer.endpoint, maxLineBytes: LINE_LIMIT });
  const received: string[] = [];
  const waiting: Buffer[] = [];
  let stream: ServerResponse | undefined;
  let [isReading, isOver, isInputEnded] = [true, false, false];
  let unread: PeerRequest[] = [];
  const isStuck = stuckWatch();

  const read = (request: PeerRequest): void => {
    const { message, body, response } = request;
    if (message.method === 'initialize') return json(request, RESULT, { 'mcp-session-id': 'session' });
    if (body !== INITIALIZED) received.push(body);
    response.writeHead(202).end();
  };
  peer.answer = (request) => {
    const { method, response } = request;
    if (method === 'DELETE') {
      isInputEnded = true;
      response.writeHead(200).end();
    } else if (isOver) response.writeHead(404).end();
    else if (method === 'GET') {
      events(response);
      stream = response;
      response.write('retry: 1\n\n');
      for (const bytes of waiting.splice(0)) response.write(bytes);
    } else if (isReading) read(request);
    else unread.push(request);
  };
  return {
    channel,
    received,
    say: (line) => {
      // The break that ends the line is not part of it.
      const bytes = event(Buffer.from(Buffer.from(line).toString('latin1').replace(/\r$/, ''), 'latin1'));
      if (stream) stream.write(bytes);
      else waiting.push(bytes);
    },
    greet: async (recorder: Recorder) => {
      channel.send([Buffer.from(INITIALIZE)]);
      await eventually('the answer to initialize', () => recorder.texts.length === 1);
      recorder.forget();
      channel.send([Buffer.from(INITIALIZED)]);
      await eventually('the stream', () => stream !== undefined);
    },
    pauseServer: () => {
      isReading = false;
    },
    resumeServer: () => {
      isReading = true;
      for (const request of unread) read(request);
      unread = [];
    },
    isServerBlocked: () => isStuck(stream),
    endServer: () => {
      isOver = true;
      stream?.end();
    },
    isInputEnded: () => isInputEnded,
    close: async () => {
      await channel.close();
      await peer.close();
    },
  };
}

channelContract('http', rig);
