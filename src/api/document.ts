/** `/api/v1/openapi.json`: the API in the words of OpenAPI 3.1, made of the schemas that check its requests. */
import { z } from '@hono/zod-openapi';
import { PROBE_PATHS } from '../metrics/probe-port.ts';
import { programVersion } from '../version.ts';
import { type Api, addRoute } from './route.ts';
import { callLineSchema } from './schemas/calls.ts';
import { json, problemSchema } from './schemas/common.ts';
import { syncLineSchema } from './schemas/discovery.ts';
import { inspectionLineSchema } from './schemas/inspection.ts';
import { logItemSchema, logLineSchema } from './schemas/log.ts';
import { startEventSchema, watchItemSchema } from './schemas/server.ts';

const PATH = '/api/v1/openapi.json';

const TAGS = [
  { name: 'servers', description: 'Servers: what is wanted, how they are, verbs, logs and events.' },
  { name: 'calls', description: 'What a server offers, and calls of it.' },
  { name: 'sessions', description: 'Who is connected to a server, and how much it was used.' },
  { name: 'secrets', description: 'Values and logins that the gateway keeps for servers.' },
  { name: 'clients', description: 'What MCP clients must be told of servers and groups.' },
  { name: 'groups', description: 'Chosen servers behind one URL.' },
  { name: 'templates', description: 'The catalogue, and templates of your own.' },
  { name: 'packages', description: 'Search everywhere, and all that is known of a package.' },
  { name: 'registry', description: 'The catalogue as an MCP registry, read-only.' },
  { name: 'installation', description: 'The gateway itself.' },
];

/** Adds the route; routes that are added later are in the document, too. */
export function addDocumentRoute(api: Api): void {
  registerParts(api);
  addRoute(
    api,
    {
      id: 'readDocument',
      method: 'get',
      path: PATH,
      tag: 'installation',
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1.', schema: json } },
    },
    ({ context }) => {
      text ??= JSON.stringify(documentOf(api));
      return context.body(text, 200, { 'Content-Type': 'application/json' });
    },
  );
  let text: string | undefined;
}

/** The document of everything that has been added to the API. */
export function documentOf(api: Api): ReturnType<Api['getOpenAPI31Document']> {
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Berth',
      version: programVersion(),
      description: 'Hosts MCP servers: a package in, a URL out.',
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: TAGS,
    security: [{ key: [] }, {}],
  });
}

/** What no route names by itself: streams, probes, and how to show who calls. */
function registerParts({ openAPIRegistry: registry }: Api): void {
  registry.register('Problem', problemSchema);
  registry.register('LogLine', logLineSchema);
  registry.register('LogItem', logItemSchema);
  registry.register('StartEvent', startEventSchema);
  registry.register('CallLine', callLineSchema);
  registry.register('WatchItem', watchItemSchema);
  registry.register('SyncLine', syncLineSchema);
  registry.register('InspectionLine', inspectionLineSchema);
  registry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key, made with `berth key add`. On the loopback address none is needed.',
  });
  const answer = {
    content: { 'text/plain': { schema: z.string() }, 'application/json': { schema: json } },
  };
  for (const path of PROBE_PATHS)
    registry.registerPath({
      method: 'get',
      path,
      operationId: `probe${path.slice(1)}`,
      tags: ['installation'],
      summary: path === '/livez' ? 'Whether the gateway lives' : 'Whether clients may come',
      security: [],
      responses: {
        200: { description: 'Yes.', ...answer },
        503: { description: 'No.', ...answer },
      },
    });
}
