/** `/mcp`: Berth's own tools over Streamable HTTP, for clients of both eras. */
import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server';
import { type Clock, systemClock } from '../clock.ts';
import { BerthError } from '../errors.ts';
import type { CallPrincipal } from '../servers/server-calls.ts';
import { createControlServer } from './control-server.ts';
import { exactCallOf } from './exact-arguments.ts';
import { LegacySessions } from './legacy-sessions.ts';
import { refusal } from './refusal.ts';
import type { ControlParts } from './tools.ts';

export interface ControlCaller extends CallPrincipal {
  readonly scope: 'use' | 'manage';
}

export interface ControlEndpoint {
  fetch(request: Request, caller: ControlCaller): Promise<Response>;
  /** Ends every session. Idempotent. */
  close(): Promise<void>;
}

export function createControlEndpoint(parts: ControlParts, clock: Clock = systemClock): ControlEndpoint {
  const sessions = new LegacySessions('the control endpoint', clock);
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
            return () => {};
          },
          options,
        );
      // Nothing of a modern client is kept: each request makes its server anew.
      const handler = createMcpHandler(() => createControlServer(parts, caller), { legacy: 'reject' });
      return await handler.fetch(request, options);
    },
    close: () => sessions.close(),
  };
}
