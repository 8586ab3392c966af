/** The WebSocket channel keeps the contract of channels, with a server of the library that most servers use. */
import type { WebSocket } from 'ws';
import { createWebSocketChannel } from '../../src/channels/websocket.ts';
import { type ChannelRig, channelContract, LINE_LIMIT } from '../contract/channel.ts';
import { stuckWatch } from '../support/http-peer.ts';
import { startWsPeer } from '../support/ws-peer.ts';

async function rig(): Promise<ChannelRig> {
  const received: string[] = [];
  const waiting: (string | Buffer)[] = [];
  let socket: WebSocket | undefined;
  let [isReading, isOver, isInputEnded] = [true, false, false];
  const isStuck = stuckWatch();
  const say = (line: string | Buffer): void => socket?.send(line, { binary: false });
  const peer = await startWsPeer((connected) => {
    socket = connected;
    connected.on('message', (data) => received.push(data.toString()));
    connected.once('close', () => {
      isInputEnded = true;
    });
    if (!isReading) connected.pause();
    for (const line of waiting.splice(0)) say(line);
    if (isOver) connected.close();
  });
  const channel = createWebSocketChannel({ endpoint: peer.endpoint, maxLineBytes: LINE_LIMIT });
  return {
    channel,
    received,
    say: (line) => (socket ? say(line) : void waiting.push(line)),
    pauseServer: () => {
      isReading = false;
      socket?.pause();
    },
    resumeServer: () => {
      isReading = true;
      socket?.resume();
    },
    isServerBlocked: () => isStuck(socket && { writableLength: socket.bufferedAmount }),
    endServer: () => {
      isOver = true;
      socket?.close();
    },
    isInputEnded: () => isInputEnded,
    close: async () => {
      await channel.close();
      await peer.close();
    },
  };
}

channelContract('websocket', rig);
