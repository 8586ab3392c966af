/** `/api/v1/inspect`: a package tried before it is trusted. */
import type { Hono } from 'hono';
import { BerthError, toBerthError } from '../errors.ts';
import { parseInspection } from '../inspection/inspection-spec.ts';
import type { Inspector } from '../inspection/inspector.ts';
import { ndjsonResponse } from './ndjson.ts';
import { toProblem } from './problem.ts';
import { type ApiVariables, readJson } from './request-checks.ts';

const LINES = 'application/x-ndjson';

export interface InspectionRoutesInput {
  readonly inspector: Inspector | undefined;
  /** Ends inspections when the gateway stops. */
  readonly signal: AbortSignal | undefined;
}

export function addInspectionRoutes(
  api: Hono<ApiVariables>,
  { inspector, signal }: InspectionRoutesInput,
): void {
  api.post('/api/v1/inspect', async (context) => {
    if (!inspector) throw noInspections();
    const request = parseInspection(await readJson(context.req.raw));
    if (!context.req.header('Accept')?.includes(LINES))
      return context.json(await inspector.inspect(request, { signal: context.req.raw.signal }));
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
          (error: unknown) =>
            feed.end({ type: 'failed', problem: toProblem(toBerthError(error), requestId) }),
        );
      return () => leaving.abort();
    }, signal);
  });
}

/** In a cluster. */
function noInspections(): BerthError {
  return new BerthError('not-allowed', 'this gateway runs servers in a cluster and starts nothing itself', {
    hint: 'Try packages with a gateway on a machine with bubblewrap: berth start there, and berth inspect with its --url.',
  });
}
