/** `/api/v1/inspect`: a package tried before it is trusted. */
import { BerthError, toBerthError } from '../errors.ts';
import { type InspectionRequest, parseInspection } from '../inspection/inspection-spec.ts';
import type { Inspections } from '../inspection/inspections.ts';
import { ndjsonResponse } from './ndjson.ts';
import { toProblem } from './problem.ts';
import { signalOf } from './request-checks.ts';
import { type Api, addRoute, type Body } from './route.ts';
import { inspectionAnswerSchema, inspectionRequestSchema } from './schemas/inspection.ts';
import { START_FAILURES } from './server-routes.ts';

const LINES = 'application/x-ndjson';

export interface InspectionRoutesInput {
  readonly inspector: Inspections | undefined;
  /** Ends inspections when the gateway stops. */
  readonly signal: AbortSignal | undefined;
  /** Told of faults that stand in the last line of a stream. */
  readonly report: ((error: BerthError, requestId: string) => void) | undefined;
}

export function addInspectionRoutes(api: Api, { inspector, signal, report }: InspectionRoutesInput): void {
  const body: Body<InspectionRequest> = {
    schema: inspectionRequestSchema,
    read: (value) => {
      if (!inspector) throw noInspections();
      return parseInspection(value);
    },
  };
  addRoute(
    api,
    {
      id: 'inspectPackage',
      method: 'post',
      path: '/api/v1/inspect',
      tag: 'packages',
      summary: 'Try a package in a sandbox, and tell what was seen of it',
      headers: { Accept: `With \`${LINES}\` how it goes on comes as well, as a stream.` },
      body,
      answers: {
        200: {
          description: 'What was seen.',
          schema: inspectionAnswerSchema,
          streams: { [LINES]: 'InspectionLine' },
        },
      },
      problems: [...START_FAILURES, 'not-found', 'registry-failed', 'bad-setting'],
    },
    async ({ context, body: request }) => {
      if (!inspector) throw noInspections();
      if (!context.req.header('Accept')?.includes(LINES))
        return context.json(await inspector.inspect(request, { signal: signalOf(context) }));
      const requestId = context.get('requestId');
      return ndjsonResponse((feed) => {
        const leaving = new AbortController();
        inspector
          .inspect(request, {
            signal: leaving.signal,
            progress: (phase, text) => feed.send({ type: 'progress', phase, text }),
          })
          .then(
            (inspection) => feed.end({ type: 'inspection', ...inspection }),
            (thrown: unknown) => {
              const error = toBerthError(thrown);
              if (error.status >= 500) report?.(error, requestId);
              feed.end({ type: 'failed', problem: toProblem(error, requestId) });
            },
          );
        return () => leaving.abort();
      }, signal);
    },
  );
}

function noInspections(): BerthError {
  return new BerthError('not-allowed', 'packages cannot be tried here', {
    hint: 'Try them with another gateway: berth inspect with its --url.',
  });
}
