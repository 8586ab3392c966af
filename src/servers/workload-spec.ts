/** What only a cluster can give a server: kinds of program other than packages, copies, room, network and place. */
import { z } from 'zod';

const IMAGE =
  /^[a-z0-9][A-Za-z0-9._-]*(:[0-9]+)?(\/[A-Za-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?$/;
const image = z.string().max(512).regex(IMAGE, 'must be the name of a container image');
const path = z
  .string()
  .max(512)
  .regex(/^(?!.*\/\.\.?(\/|$))\/[^\0:]+$/, 'must be an absolute path');
const port = z.int().min(1).max(65_535);
const objectName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be the name of an object in the cluster');
const dataKey = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9._-]+$/, 'must be a key of the object');

/** A container image that speaks MCP on its standard input, or over HTTP. */
export const imageSchema = z.strictObject({
  image,
  /** Program and arguments; needed for stdio, as its own entry point cannot be known. */
  entrypoint: z.array(z.string().min(1).max(4_096)).min(1).max(64).optional(),
  runAsUser: z.int().min(1).max(65_535).optional(),
  writablePaths: z.array(path).max(16).optional(),
});

/** Archon's MCP server; the image is a setting unless it is given. */
export const archonSchema = z.strictObject({ image: image.optional() });

/** One file of source text, for a runtime that the runner image has. */
export const scriptSchema = z
  .strictObject({
    runtime: z.enum(['node', 'python']),
    code: z
      .string()
      .min(1)
      .max(512 * 1024)
      .optional(),
    configMapRef: z.strictObject({ name: objectName, key: dataKey }).optional(),
  })
  .refine(
    (given) => (given.code === undefined) !== (given.configMapRef === undefined),
    'needs exactly one of code and configMapRef',
  );

const quantity = z
  .string()
  .regex(/^[0-9]+(\.[0-9]+)?(m|[kKMGTP]i?)?$/, 'must be a quantity such as 500m or 512Mi');
const quantities = z.partialRecord(z.enum(['cpu', 'memory', 'ephemeral-storage']), quantity).optional();
const label = z.string().max(317);

const toleration = z.strictObject({
  key: label.optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: z.string().max(63).optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().nonnegative().optional(),
});

const allowed = z.strictObject({
  cidr: z.union([z.cidrv4(), z.cidrv6()]),
  /** All ports when there are none. */
  ports: z.array(port).max(32).default([]),
});

/** The members of a specification that mean nothing on one machine. */
export const workloadFields = {
  transport: z.enum(['stdio', 'http', 'sse', 'websocket']).optional(),
  port: port.optional(),
  replicas: z.int().min(0).max(10).optional(),
  suspend: z.boolean().optional(),
  resources: z.strictObject({ requests: quantities, limits: quantities }).optional(),
  network: z
    .strictObject({
      egress: z.enum(['none', 'public', 'allow']).default('public'),
      allow: z.array(allowed).max(64).default([]),
    })
    .optional(),
  placement: z
    .strictObject({
      nodeSelector: z.record(label, z.string().max(63)).optional(),
      tolerations: z.array(toleration).max(32).optional(),
      /** As Kubernetes takes it. */
      affinity: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
};

export const secretKeySchema = z.strictObject({ name: objectName, key: dataKey });

export type ImageSource = z.infer<typeof imageSchema>;
export type ScriptSource = z.infer<typeof scriptSchema>;
