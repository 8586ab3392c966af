/** The stdio channel keeps the contract of channels over the real pipes of a child, and takes bytes in whatever pieces they come. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createStdioChannel } from '../../src/channels/stdio.ts';
import { type ChannelRig, channelContract, LINE_LIMIT, Recorder } from '../contract/channel.ts';
import { eventually, fixture } from '../support/local-process.ts';
import { puppetRig } from '../support/puppet-rig.ts';

async function puppet(): Promise<ChannelRig> {
  const child = spawn(process.execPath, [fixture('puppet')], { stdio: ['pipe', 'pipe', 'inherit', 'ipc'] });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('no pipes');
  await once(child, 'message');
  const channel = createStdioChannel(stdin, stdout, { maxLineBytes: LINE_LIMIT });
  return puppetRig(channel, {
    order: (order) => child.send(order),
    onReport: (take) => child.on('message', take),
    close: async () => {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  });
}

channelContract('stdio', puppet);

function pipes() {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const channel = createStdioChannel(input, output, { maxLineBytes: LINE_LIMIT });
  const recorder = new Recorder();
  channel.start(recorder);
  return { input, output, channel, recorder };
}

const LINE = '{"jsonrpc":"2.0","method":"ż🎉","params":{"日本":"é"}}';

describe('what comes in pieces', () => {
  it('is put together wherever it is cut, within characters too', async () => {
    const { output, recorder } = pipes();
    const bytes = Buffer.from(`${LINE}\r\n${LINE}\n`);
    for (let cut = 1; cut < bytes.length; cut++) {
      output.write(bytes.subarray(0, cut));
      output.write(bytes.subarray(cut));
    }
    for (const byte of bytes) output.write(Buffer.of(byte));
    await eventually('all messages', () => recorder.texts.length === 2 * bytes.length);
    expect(new Set(recorder.texts)).toEqual(new Set([LINE]));
  });

  it('gives the memory of a line without end back as it comes, and none that is of use or shared', async () => {
    const { output, recorder } = pipes();
    const own = (text: string) => {
      const bytes = Buffer.from(new Uint8Array(Buffer.byteLength(text)).buffer);
      bytes.write(text);
      return bytes;
    };
    const endless = 'x'.repeat(LINE_LIMIT);
    const shared = own(endless);
    const chunks = [own(endless), own(endless), own(endless), shared.subarray(1), own(`x\n${LINE}\n`)];
    for (const chunk of chunks) output.write(chunk);
    await eventually('the message after it', () => recorder.texts.length === 1);
    expect(recorder.texts).toEqual([LINE]);
    expect(chunks.map(({ length }) => length > 0)).toEqual([true, true, false, true, true]);
  });

  it('of 20,000 messages in one chunk comes in order', async () => {
    const { output, recorder } = pipes();
    const texts = Array.from({ length: 20_000 }, (_, n) => `{"jsonrpc":"2.0","id":${n},"result":{}}`);
    output.write(`${texts.join('\n')}\n`);
    await eventually('all messages', () => recorder.texts.length === texts.length);
    expect(recorder.texts).toEqual(texts);
  });

  it('without a line break at the very end is a message all the same', async () => {
    const { output, recorder } = pipes();
    output.end(LINE);
    await eventually('the end', () => recorder.ends.length === 1);
    expect(recorder.texts).toEqual([LINE]);
  });
});

it('what one turn of the event loop sends leaves in one write', async () => {
  const { input, channel } = pipes();
  for (let n = 0; n < 100; n++) channel.send([Buffer.from(LINE)]);
  const [chunk] = await once(input, 'data');
  expect(String(chunk)).toBe(`${LINE}\n`.repeat(100));
});

it('an output that fails ends the channel with the cause', async () => {
  const { output, recorder } = pipes();
  output.destroy(new Error('broken'));
  await eventually('the end', () => recorder.ends.length === 1);
  expect(recorder.ends[0]).toMatchObject({ reason: 'failed', cause: { message: 'broken' } });
});

it('an input that fails is not an error of its own', async () => {
  const { input, channel, recorder } = pipes();
  input.destroy(new Error('EPIPE'));
  await eventually('the input is closed', () => input.closed);
  expect(channel.send([Buffer.from(LINE)])).toBe(true);
  expect(recorder.ends).toEqual([]);
});
