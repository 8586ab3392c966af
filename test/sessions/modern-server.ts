/** A modern server in memory, and what tests of the lane for legacy clients say and look for. */
import { Harness, type HarnessOptions, type Line, type ServerAnswers, type ServerSide } from './harness.ts';

export const PROTOCOL = 'io.modelcontextprotocol/protocolVersion';
export const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
export const CLIENT_INFO = 'io.modelcontextprotocol/clientInfo';
export const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
export const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
export const SUBSCRIPTION = 'io.modelcontextprotocol/subscriptionId';

/** What {@link MODERN} says of itself. */
export const DISCOVERED = {
  resultType: 'complete',
  ttlMs: 0,
  cacheScope: 'private',
  supportedVersions: ['2026-07-28'],
  capabilities: {
    tools: { listChanged: true },
    resources: { subscribe: true, listChanged: true },
    prompts: {},
    completions: {},
    logging: {},
    extensions: { 'acme/x': {} },
  },
  instructions: 'Be kind.',
  _meta: { [SERVER_INFO]: { name: 'memory', version: '1' } },
};

/** Answers `server/discover` and nothing else. */
export const MODERN = {
  'server/discover': () => ({ result: DISCOVERED }),
} satisfies ServerAnswers;

/** A server that offers no list changes, so that no subscription comes between the messages of a test. */
export const QUIET = {
  'server/discover': () => ({
    result: {
      ...DISCOVERED,
      capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {} },
    },
  }),
} satisfies ServerAnswers;

/** A harness with a server of the modern era only. */
export function modernHarness(options: HarnessOptions = {}): Harness {
  return new Harness({ eras: ['modern'], answers: QUIET, ...options });
}

/** Acknowledges a subscription, by default the newest; `honoured` defaults to all that was asked for. */
export function acknowledge(server: ServerSide, listen?: Line, honoured?: object): void {
  const asked = listen ?? server.of('subscriptions/listen').at(-1);
  server.notify('notifications/subscriptions/acknowledged', {
    notifications: honoured ?? asked?.params.notifications,
    _meta: { [SUBSCRIPTION]: asked?.id },
  });
}

/** Says something on a subscription, by default the newest. */
export function report(server: ServerSide, method: string, params: object = {}, listen?: Line): void {
  const id = (listen ?? server.of('subscriptions/listen').at(-1))?.id;
  server.notify(method, { ...params, _meta: { [SUBSCRIPTION]: id } });
}

/** An `input_required` result. */
export function inputRequired(inputRequests?: object, requestState?: string): object {
  return {
    resultType: 'input_required',
    ...(inputRequests && { inputRequests }),
    ...(requestState !== undefined && { requestState }),
  };
}
