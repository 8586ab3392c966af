/**
 * The API: thin routes over the manager and the catalogue, errors as problem documents.
 *
 * Who may call is settled before a request gets here; what no web page may send is refused here as well.
 */

import { OpenAPIHono } from '@hono/zod-openapi';
import type { SecretStore } from '../auth/secret-store.ts';
import type { Discovery } from '../discovery/discovery.ts';
import type { BerthError } from '../errors.ts';
import { BerthError as Failure, toBerthError } from '../errors.ts';
import type { Inspections } from '../inspection/inspections.ts';
import { LogBook } from '../log/log-book.ts';
import type { Logins } from '../logins/logins.ts';
import type { ServerCalls } from '../servers/server-calls.ts';
import { ServerEvents } from '../servers/server-events.ts';
import type { Servers } from '../servers/servers.ts';
import type { TemplateCatalogue } from '../templates/catalogue.ts';
import { CustomTemplates } from '../templates/custom-templates.ts';
import { addCallRoutes } from './call-routes.ts';
import { addClientRoutes } from './client-routes.ts';
import { addDiscoveryRoutes } from './discovery-routes.ts';
import { addDocumentRoute } from './document.ts';
import { addEventRoutes } from './event-routes.ts';
import { addGroupRoutes, type GroupRoutesInput } from './group-routes.ts';
import { addHealthRoutes, type Installation } from './health-routes.ts';
import { createIdempotency } from './idempotency.ts';
import { addInspectionRoutes } from './inspection-routes.ts';
import { addLogRoutes } from './log-routes.ts';
import { addLoginRoutes } from './login-routes.ts';
import { problemResponse } from './problem.ts';
import { addRegistryRoutes } from './registry-routes.ts';
import { addRegistrySyncRoutes } from './registry-sync-routes.ts';
import type { ApiVariables } from './request-checks.ts';
import { managersOnly, noCodings, noForms, requestIds } from './request-checks.ts';
import type { Api } from './route.ts';
import { addSecretRoutes } from './secret-routes.ts';
import { addServerRoutes } from './server-routes.ts';
import { addSessionRoutes } from './session-routes.ts';
import { addSettingRoutes, type SettingView } from './setting-routes.ts';
import { addStreamRoutes } from './stream-routes.ts';
import { addTemplateChangeRoutes } from './template-change-routes.ts';
import { addTemplateRoutes } from './template-routes.ts';

export interface ApiInput {
  readonly manager: Servers;
  readonly templates: TemplateCatalogue;
  readonly calls: ServerCalls;
  readonly discovery: Discovery;
  /** Absent where templates cannot be added. */
  readonly custom?: CustomTemplates;
  /** Absent where secrets are not the gateway's to keep. */
  readonly secretStore?: SecretStore;
  /** Absent where nobody can log in to remote servers. */
  readonly logins?: Logins;
  /** Absent where packages cannot be tried. */
  readonly inspector?: Inspections;
  /** Absent where there are no groups. */
  readonly groups?: GroupRoutesInput;
  /** Gets what the gateway logs; an empty one unless given. */
  readonly logBook?: LogBook;
  /** What the gateway runs with, secrets left out; none unless given. */
  readonly settings?: () => readonly SettingView[];
  /** Which gateway this is, where there are several. */
  readonly gatewayName?: string;
  /** Told of every answer of 500 and above. */
  readonly report?: (error: BerthError, requestId: string) => void;
  /** Told at `/api/v1/health`; without it there is no such path. */
  readonly installation?: Installation;
  /** Ends streams when the gateway stops. */
  readonly signal?: AbortSignal;
}

/**
 * Serves `/api/…` and the registry at `/v0.1/…`, and answers everything else of the API with a 404 problem; other paths are not touched
 * when it is mounted with `route('/', …)`.
 */
export function createApi({ manager, templates, calls, discovery, ...input }: ApiInput): Api {
  const { report, signal, installation, logBook: book = new LogBook() } = input;
  const api = new OpenAPIHono<ApiVariables>();
  api.use('/api/*', requestIds, noCodings, noForms, managersOnly, createIdempotency());
  const events = new ServerEvents(manager);
  signal?.addEventListener('abort', () => events.close(), { once: true });
  addServerRoutes(api, { manager, templates, events });
  addStreamRoutes(api, { manager, events, book, signal });
  addLogRoutes(api, { book, gateway: input.gatewayName, signal });
  addEventRoutes(api, { events, templates, signal });
  addSessionRoutes(api, manager);
  addSecretRoutes(api, { manager, secrets: input.secretStore });
  addLoginRoutes(api, { manager, logins: input.logins });
  addCallRoutes(api, { calls, signal });
  addTemplateRoutes(api, templates);
  addDiscoveryRoutes(api, discovery);
  addRegistrySyncRoutes(api, { discovery, signal });
  addInspectionRoutes(api, { inspector: input.inspector, signal, report });
  addGroupRoutes(api, input.groups);
  addClientRoutes(api, { manager, groups: input.groups });
  addSettingRoutes(api, input.settings ?? (() => []));
  if (installation) addHealthRoutes(api, { manager, installation });
  const custom = input.custom ?? new CustomTemplates({ catalogue: templates, permit: () => {} });
  addTemplateChangeRoutes(api, { templates, custom });
  addDocumentRoute(api);
  addRegistryRoutes(api, templates);
  refuseOtherMethods(api);
  api.all('/api/*', (context) => {
    throw new Failure('not-found', `there is no ${context.req.path}`, {
      hint: 'All that there is stands in /api/v1/openapi.json.',
    });
  });
  api.onError((thrown, context) => {
    const error = toBerthError(thrown);
    const requestId = context.get('requestId');
    if (error.status >= 500) report?.(error, requestId);
    return problemResponse(error, requestId);
  });
  return api;
}

function refuseOtherMethods(api: Api): void {
  const methods = new Map<string, Set<string>>();
  for (const { method, path } of api.routes) {
    if (method === 'ALL') continue;
    methods.set(path, (methods.get(path) ?? new Set()).add(method));
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed].join(', ');
    api.all(path, (context) => {
      const error = new Failure(
        'method-not-allowed',
        `${context.req.method} is not a method of ${context.req.path}`,
      );
      return problemResponse(error, context.get('requestId'), { Allow: allow });
    });
  }
}
