/** The rig of a channel whose server is `test/fixtures/processes/puppet.mjs`, however that is told what to do. */
import type { Channel } from '../../src/channels/channel.ts';
import type { ChannelRig } from '../contract/channel.ts';

/** What the puppet says; the data that it read is in base64. */
export interface PuppetReport {
  readonly data?: string;
  readonly blocked?: number;
  readonly inputEnded?: boolean;
}

export interface PuppetStrings {
  order(order: { readonly do: string; readonly bytes?: string }): void;
  onReport(take: (report: PuppetReport) => void): void;
  close(): Promise<void>;
}

/** Builds the rig; the puppet has said that it is there. */
export function puppetRig(channel: Channel, strings: PuppetStrings): ChannelRig {
  const received: string[] = [];
  let [text, blocked, inputEnded] = ['', 0, false];
  strings.onReport((report) => {
    blocked = report.blocked ?? blocked;
    inputEnded ||= report.inputEnded === true;
    const lines = (text + Buffer.from(report.data ?? '', 'base64').toString('latin1')).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) received.push(Buffer.from(line, 'latin1').toString('utf8'));
  });
  const toBase64 = (line: string | Buffer): string =>
    Buffer.concat([Buffer.from(line), Buffer.from('\n')]).toString('base64');
  return {
    channel,
    say: (line) => strings.order({ do: 'say', bytes: toBase64(line) }),
    received,
    pauseServer: () => strings.order({ do: 'pause' }),
    resumeServer: () => strings.order({ do: 'resume' }),
    isServerBlocked: () => blocked > 0,
    endServer: () => strings.order({ do: 'end' }),
    isInputEnded: () => inputEnded,
    close: async () => {
      await channel.close();
      await strings.close();
    },
  };
}
