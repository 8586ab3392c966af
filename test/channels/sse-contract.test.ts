/** The SSE channel keeps the contract of channels. */
import type { ServerResponse } from 'node:http';
import { createSseChannel } from '../../src/channels/sse.ts';
import { type ChannelRig, channelContract, LINE_LIMIT } from '../contract/channel.ts';
import { event, events, type PeerRequest, startPeer, stuckWatch } from '../support/http-peer.ts';

async function rig(): Promise<ChannelRig> {
  const peer = await startPeer();
  const channel = createSseChannel({ endpoint: peer.endpoint, maxLineBytes: LINE_LIMIT });
  const received: string[] = [];
  const waiting: Buffer[] = [];
  let stream: ServerResponse | undefined;
  let [isReading, isOver, isInputEnded] = [true, false, false];
  let unread: PeerRequest[] = [];
  const isStuck = stuckWatch();

  const read = ({ body, response }: PeerRequest): void => {
    received.push(body);
    response.writeHead(202).end('Accepted');
  };
  peer.answer = (request) => {
    const { method, response } = request;
    if (method === 'GET') {
      events(response);
      stream = response;
      response.once('close', () => {
        isInputEnded = true;
      });
      response.write(event('/messages?session=1', { event: 'endpoint' }));
      for (const bytes of waiting.splice(0)) response.write(bytes);
      if (isOver) response.end();
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

channelContract('sse', rig);
