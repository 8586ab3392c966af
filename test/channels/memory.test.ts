/** The in-memory channel keeps the contract of channels. */
import { createMemoryChannel } from '../../src/channels/memory.ts';
import { channelContract, LINE_LIMIT } from '../contract/channel.ts';

channelContract('memory', async () => {
  const { channel, server } = createMemoryChannel({ maxLineBytes: LINE_LIMIT });
  const received: string[] = [];
  let inputEnded = false;
  server.receive((message) => received.push(message.toString('utf8')));
  server.onClose(() => {
    inputEnded = true;
  });
  return {
    channel,
    say: (line) => server.send(line),
    received,
    pauseServer: () => server.pause(),
    resumeServer: () => server.resume(),
    isServerBlocked: () => server.paused,
    endServer: () => server.end(),
    isInputEnded: () => inputEnded,
    close: () => channel.close(),
  };
});
