/** What every channel does (src/channels/channel.ts), whatever lies behind it. Each implementation brings a rig and runs this suite. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Channel, ChannelEnd, ChannelHandler, ChannelStats } from '../../src/channels/channel.ts';
import { eventually } from '../support/local-process.ts';

const KIB = 1024;
/** Line limit of the channels under test. */
export const LINE_LIMIT = 64 * KIB;

export interface ChannelRig {
  readonly channel: Channel;
  /** The server writes a line. */
  say(line: string | Buffer): void;
  /** Lines that the server has read. */
  readonly received: readonly string[];
  /**
   * Brings a started channel to where both sides may say anything, where that takes messages. They are none of the tests'
   * business: it makes `recorder` forget what it got, and the counts begin behind it.
   */
  greet?(recorder: Recorder): Promise<void>;
  /** The server stops and starts reading its input. */
  pauseServer(): void;
  resumeServer(): void;
  /** The server cannot write because nobody reads. */
  isServerBlocked(): boolean;
  endServer(): void;
  /** The server has seen the end of its input. */
  isInputEnded(): boolean;
  close(): Promise<void>;
}

export class Recorder implements ChannelHandler {
  readonly texts: string[] = [];
  readonly kinds: string[] = [];
  readonly tooLong: (string | undefined)[] = [];
  readonly noises: string[] = [];
  readonly ends: ChannelEnd[] = [];
  drains = 0;
  onMessage: () => void = () => {};

  /** Nothing has been received. */
  forget(): void {
    this.texts.length = 0;
    this.kinds.length = 0;
  }

  message(...[bytes, envelope]: Parameters<ChannelHandler['message']>): void {
    this.texts.push(bytes.toString('utf8'));
    this.kinds.push(envelope.kind);
    this.onMessage();
  }

  oversized(id: string | undefined): void {
    this.tooLong.push(id);
  }

  noise(line: Buffer): void {
    this.noises.push(line.toString('utf8'));
  }

  drain(): void {
    this.drains++;
  }

  end(end: ChannelEnd): void {
    this.ends.push(end);
  }
}

function note(n: number | string, pad = 0): string {
  return `{"jsonrpc":"2.0","method":"n","params":{"n":${n},"pad":"${'x'.repeat(pad)}"}}`;
}

function parts(text: string, ...at: number[]): Buffer[] {
  const bytes = Buffer.from(text);
  return [0, ...at].map((from, index) => bytes.subarray(from, at[index] ?? bytes.length));
}

const NOTHING = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };

export function channelContract(name: string, open: () => Promise<ChannelRig>): void {
  describe(`the ${name} channel`, () => {
    let rig: ChannelRig;
    let recorder: Recorder;
    let greeted: Pick<ChannelStats, 'messagesIn' | 'messagesOut' | 'bytesIn' | 'bytesOut'> = NOTHING;
    afterEach(() => rig.close());

    async function started(): Promise<void> {
      rig = await open();
      await start();
    }

    async function start(): Promise<void> {
      recorder = new Recorder();
      rig.channel.start(recorder);
      await rig.greet?.(recorder);
      greeted = rig.greet ? rig.channel.stats : NOTHING;
    }

    /** What the channel has counted, without what it took to get there. */
    function counted() {
      const { stats } = rig.channel;
      return {
        ...stats,
        messagesIn: stats.messagesIn - greeted.messagesIn,
        messagesOut: stats.messagesOut - greeted.messagesOut,
        bytesIn: stats.bytesIn - greeted.bytesIn,
        bytesOut: stats.bytesOut - greeted.bytesOut,
      };
    }

    it('delivers messages in order, byte for byte, with their envelopes', async () => {
      await started();
      const lines = [
        '{"jsonrpc":"2.0","id":1.0,"result":{"big":9007199254740993,"é":"🎉"}}',
        '{ "id" : "x" , "jsonrpc":"2.0","method":"roots/list" }',
        note(1),
        '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}',
      ];
      for (const line of lines) rig.say(line);
      await eventually('all messages', () => recorder.texts.length === lines.length);
      expect(recorder.texts).toEqual(lines);
      expect(recorder.kinds).toEqual(['result', 'request', 'notification', 'error']);
      expect(counted()).toMatchObject({ messagesIn: 4, bytesIn: Buffer.byteLength(lines.join('')) });
    });

    it('delivers nothing before it is started, and then everything', async () => {
      rig = await open();
      for (let n = 0; n < 3; n++) rig.say(note(n));
      await start();
      await eventually('all messages', () => recorder.texts.length === 3);
    });

    it('sends messages in order, each given in parts, as one line each', async () => {
      await started();
      const texts = Array.from({ length: 50 }, (_, n) => note(n, n === 25 ? 200 * KIB : n));
      for (const text of texts) rig.channel.send(parts(text, 5, 5, 20));
      await eventually('all lines', () => rig.received.length === texts.length);
      expect(rig.received).toEqual(texts);
      expect(counted()).toMatchObject({ messagesOut: 50, bytesOut: texts.join('').length });
    });

    it('counts what is no message and never forwards it', async () => {
      await started();
      const noise = ['starting up…', '{"half":', '{"no":"envelope"}', '"text"', 'null', '{"jsonrpc":"2.0"}'];
      for (const line of noise) rig.say(line);
      rig.say(Buffer.from([0xff, 0xfe, 0x00]));
      rig.say('');
      rig.say(note(1));
      await eventually('the message', () => recorder.texts.length === 1);
      expect(recorder.texts).toEqual([note(1)]);
      expect(recorder.noises.slice(0, noise.length)).toEqual(noise);
      expect(counted()).toMatchObject({ noiseLines: noise.length + 1, messagesIn: 1 });
    });

    it('throws a message away that is too long, and says whose answer it was', async () => {
      await started();
      const long = 'x'.repeat(LINE_LIMIT);
      rig.say(`{"jsonrpc":"2.0","id":7,"result":"${long}"}`);
      rig.say(`{"jsonrpc":"2.0","result":"${long}","id":"late"}`);
      rig.say(`no message at all ${long}`);
      rig.say(note(1));
      await eventually('the message behind', () => recorder.texts.length === 1);
      expect(recorder.tooLong).toEqual(['7', '"late"', undefined]);
      expect(counted()).toMatchObject({ oversized: 3, messagesIn: 1, noiseLines: 0 });
    });

    it('blanks carriage returns between tokens and before the line break, never those of a string', async () => {
      await started();
      rig.say('{"jsonrpc":"2.0",\r"method":"n",\r\r"params":{"a":"\\r"}}\r');
      await eventually('the message', () => recorder.texts.length === 1);
      expect(recorder.texts).toEqual(['{"jsonrpc":"2.0", "method":"n",  "params":{"a":"\\r"}}']);
    });

    it('replaces stray bytes within a message, so that what it delivers is UTF-8', async () => {
      await started();
      rig.say(
        Buffer.concat([
          Buffer.from('{"jsonrpc":"2.0","method":"n","params":{"a":"'),
          Buffer.of(0xe9),
          Buffer.from('"}}'),
        ]),
      );
      await eventually('the message', () => recorder.texts.length === 1);
      expect(recorder.texts[0]).toBe('{"jsonrpc":"2.0","method":"n","params":{"a":"\ufffd"}}');
    });

    it('says when its queue is full, and once when there is room again', async () => {
      await started();
      rig.pauseServer();
      const text = note(0, 64 * KIB);
      let sent = 0;
      let taken = true;
      for (; taken && sent < 200; sent++) taken = rig.channel.send([Buffer.from(text)]);
      expect(taken).toBe(false);
      expect(rig.channel.queued).toBeGreaterThanOrEqual(1_024 * KIB);
      expect(rig.channel.send([Buffer.from(text)])).toBe(false);
      rig.resumeServer();
      await eventually('all lines', () => rig.received.length === sent + 1 && recorder.drains > 0);
      expect(recorder.drains).toBe(1);
      expect(rig.channel.queued).toBe(0);
      expect(rig.channel.send([Buffer.from(text)])).toBe(true);
      await eventually('one more', () => rig.received.length === sent + 2);
    });

    it('stops the server while paused, and loses nothing', async () => {
      await started();
      recorder.onMessage = () => {
        recorder.onMessage = () => {};
        rig.channel.pause();
      };
      for (let n = 0; n < 100; n++) rig.say(note(n, 60 * KIB));
      await eventually('the server is blocked', () => rig.isServerBlocked());
      expect(recorder.texts.length).toBeLessThan(100);
      rig.channel.resume();
      await eventually('all messages', () => recorder.texts.length === 100);
      expect(
        recorder.texts.every((text, n) => text.startsWith(note(n).slice(0, 45 + String(n).length))),
      ).toBe(true);
    });

    it('ends once, behind the last message, when the server ends', async () => {
      await started();
      for (let n = 0; n < 20; n++) rig.say(note(n));
      rig.endServer();
      await eventually('the end', () => recorder.ends.length > 0);
      expect(recorder.texts).toHaveLength(20);
      await rig.channel.close();
      expect(recorder.ends.map(({ reason }) => reason)).toEqual(['peer-closed']);
      expect(rig.channel.send([Buffer.from(note(1))])).toBe(true);
    });

    it('closes towards the server behind what was sent before, however often it is closed', async () => {
      await started();
      for (let n = 0; n < 20; n++) rig.channel.send([Buffer.from(note(n))]);
      await Promise.all([rig.channel.close(), rig.channel.close()]);
      expect(rig.channel.send([Buffer.from(note('late'))])).toBe(true);
      await eventually('the end of the input', () => rig.isInputEnded());
      expect(rig.received).toEqual(Array.from({ length: 20 }, (_, n) => note(n)));
      rig.say(note('ignored'));
      rig.endServer();
      await eventually('the end', () => recorder.ends.length > 0);
      expect(recorder.ends).toEqual([{ reason: 'closed' }]);
      expect(recorder.texts).toEqual([]);
    });
  });
}
