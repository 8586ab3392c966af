/** A channel under test and what it has delivered, for tests of the channels over HTTP. */
import type { Channel, ChannelEnd } from '../../src/channels/channel.ts';
import { createHttpChannel, type HttpChannelOptions } from '../../src/channels/http.ts';
import type { HttpPeer } from '../support/http-peer.ts';
import type { Message } from '../support/inbox.ts';
import { eventually } from '../support/local-process.ts';

export interface Delivered {
  readonly message: Message;
  /** Raw id of the request on whose stream it came. */
  readonly call: string | undefined;
}

export interface Conversation {
  readonly channel: Channel;
  readonly delivered: readonly Delivered[];
  readonly oversized: readonly (string | undefined)[];
  readonly ends: readonly ChannelEnd[];
  send(message: Message & { readonly params?: object }): boolean;
  request(id: unknown, method: string, params?: object): boolean;
  notify(method: string, params?: object): boolean;
  /** Waits for the answer to a request. */
  answer(id: unknown): Promise<Message>;
  /** Waits for a message of this method. */
  message(method: string): Promise<Delivered>;
  /** A whole handshake. */
  initialize(): Promise<Message>;
}

/** Starts a channel and listens to it. */
export function converse(channel: Channel): Conversation {
  const delivered: Delivered[] = [];
  const oversized: (string | undefined)[] = [];
  const ends: ChannelEnd[] = [];
  channel.start({
    message: (bytes, _envelope, call) =>
      delivered.push({ message: JSON.parse(bytes.toString('utf8')), call }),
    oversized: (id) => oversized.push(id),
    noise: () => {},
    drain: () => {},
    end: (end) => ends.push(end),
  });
  const send: Conversation['send'] = (message) =>
    channel.send([Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }))]);
  const conversation: Conversation = {
    channel,
    delivered,
    oversized,
    ends,
    send,
    request: (id, method, params = {}) => send({ id, method, params: { ...params } }),
    notify: (method, params) => send({ method, ...(params && { params: { ...params } }) }),
    answer: (id) =>
      eventually(
        `the answer to ${id}`,
        () => delivered.find(({ message }) => message.id === id && message.method === undefined)?.message,
      ),
    message: (method) => eventually(method, () => delivered.find(({ message }) => message.method === method)),
    initialize: async () => {
      conversation.request('init', 'initialize', { protocolVersion: '2025-11-25', capabilities: {} });
      const answer = await conversation.answer('init');
      conversation.notify('notifications/initialized');
      return answer;
    },
  };
  return conversation;
}

/** A channel to a peer, started. */
export function connect(peer: HttpPeer, options: Partial<HttpChannelOptions> = {}): Conversation {
  return converse(createHttpChannel({ endpoint: peer.endpoint, maxLineBytes: 64 * 1024, ...options }));
}
