/** `/mcp`: Berth's own tools over Streamable HTTP, for clients of both eras. */
import {
  createMcpHandler,
  isLegacyRequest,
  type McpHttpHandler,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import type { OwnSeal } from '../auth/own-seal.ts';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { Peers } from '../peers/peers.ts';
import type { CallPrincipal } from '../servers/server-calls.ts';
import { createControlServer } from './control-server.ts';
import { exactCallOf } from './exact-arguments.ts';
import { LegacySessions } from './legacy-sessions.ts';
import type { OpenListens } from './open-listens.ts';
import { refusal } from './refusal.ts';
import type { ControlParts } from './tools.ts';

export interface ControlCaller extends CallPrincipal {
  readonly scope: 'use' | 'manage';
}

export interface ControlEndpoint {
  fetch(request: Request, caller: ControlCaller): Promise<Response>;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface ControlEndpointOptions {
  readonly seal: OwnSeal;
  readonly clock?: Clock;
  /** Where listens and event streams are entered, to be ended as the gateway goes away. */
  readonly streams?: OpenListens;
  /** Other gateways that serve the same sessions. */
  readonly peers?: Peers;
}

export function createControlEndpoint(
  parts: ControlParts,
  { seal, clock = systemClock, streams, peers }: ControlEndpointOptions,
): ControlEndpoint {
  const sessions = new LegacySessions({ what: 'the control endpoint', clock, seal, streams, peers });
  return {
    fetch: async (request, caller) => {
      if (caller.scope !== 'manage')
        return refusal(
          new BerthError('forbidden', 'this key may use servers, not manage them', {
            hint: 'Make a key with: berth key add NAME --scope manage.',
          }),
        );
      const parsedBody = await exactCallOf(request);
      const options = parsedBody === undefined ? {} : { parsedBody };
      if (await isLegacyRequest(request.clone()))
        return await sessions.serve(
          request,
          caller.id,
          async (transport) => {
            await createControlServer(parts, caller).connect(transport);
            return {};
          },
          options,
        );
      // Nothing of a modern client is kept: each request makes its server anew.
      const bus: ServerEventBus = {
        // Its tools are always the same.
        publish: () => {},
        subscribe: () => streams?.add({ busy: false, end: () => void handler.close() }) ?? (() => {}),
      };
      const handler: McpHttpHandler = createMcpHandler(() => createControlServer(parts, caller), {
        ...{ legacy: 'reject', bus },
      });
      return await handler.fetch(request, options);
    },
    close: () => sessions.close(),
  };
}
