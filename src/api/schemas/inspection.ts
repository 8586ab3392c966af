/** What is told of a package that was tried. */
import { z } from '@hono/zod-openapi';
import { inspectionSchema } from '../../inspection/inspection-spec.ts';
import { ecosystem, era, json, problemSchema, wholeNumber } from './common.ts';

export const inspectionRequestSchema = inspectionSchema.meta({ id: 'InspectionRequest' });

const unknown = z.literal('unknown');
const listed = z.union([z.array(json), unknown]);

const reportSchema = z
  .object({
    v: z.literal(1),
    inspectedAt: z.string(),
    platform: z.string(),
    result: z.enum(['passed', 'failed']),
    template: z.string().optional(),
    package: z.object({ ecosystem, name: z.string(), version: z.string(), integrity: z.string() }),
    engine: z.object({
      needs: z.union([z.record(z.string(), z.string()), unknown]),
      used: z.string(),
    }),
    provenance: z.enum(['known', 'unknown']),
    signatures: z.union([
      z.object({
        total: wholeNumber.openapi({ description: 'Packages that were installed, this one among them.' }),
        verified: wholeNumber.openapi({ description: 'Signed by their registry, as they were installed.' }),
        forged: z.array(z.string()).openapi({ description: 'Signed otherwise than their registry signs.' }),
      }),
      unknown,
    ]),
    sandbox: z.object({
      kind: z.enum(['bubblewrap', 'pod', 'none']),
      network: z.enum(['none', 'machine', 'public']),
      enforced: z
        .enum(['yes', 'no', 'unknown'])
        .optional()
        .openapi({ description: 'Of `none`: whether something was seen to hold it to that.' }),
    }),
    server: z
      .object({
        name: z.string(),
        version: z.string(),
        protocolVersion: z.string(),
        eras: z.array(era),
        capabilities: json,
      })
      .optional(),
    tools: listed,
    prompts: listed,
    resources: listed,
    resourceTemplates: listed,
    phases: z.array(
      z.object({
        phase: z.enum(['resolve', 'install', 'sandbox', 'start', 'list']),
        ms: z.number(),
      }),
    ),
    peakMemoryBytes: z.union([wholeNumber, unknown]),
    filesWritten: z.union([
      z.object({
        files: z.array(z.object({ path: z.string(), bytes: wholeNumber })),
        total: wholeNumber,
        elsewhere: z.enum(['none', 'unknown']),
      }),
      unknown,
    ]),
    filesRead: unknown,
    hosts: z.union([z.array(z.string()), unknown]),
    addresses: unknown,
    inputs: z.array(z.string()),
    stderr: z.array(z.string()),
    failure: json.optional(),
  })
  .openapi('InspectionReport');

const inspection = {
  report: reportSchema,
  pinned: z.object({ slug: z.string(), server: json }).optional(),
};

export const inspectionAnswerSchema = z.object(inspection).openapi('Inspection');

export const inspectionLineSchema = z
  .union([
    z.object({ type: z.literal('progress'), phase: z.string(), text: z.string() }),
    z.object({ type: z.literal('inspection'), ...inspection }),
    z.object({ type: z.literal('failed'), problem: problemSchema }),
  ])
  .openapi('InspectionLine');
