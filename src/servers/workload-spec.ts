/** What only a cluster can give a server: kinds of program other than packages, copies, room, network and place. */
import { z } from 'zod';
import { isServerName } from './server-name.ts';

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

const pullPolicy = z.enum(['Always', 'IfNotPresent', 'Never']).optional();

/** A container image that speaks MCP on its standard input, or over HTTP. */
export const imageSchema = z.strictObject({
  image,
  /** That of the release unless given. */
  pullPolicy,
  /** Program and arguments; needed for stdio, as its own entry point cannot be known. */
  entrypoint: z.array(z.string().min(1).max(4_096)).min(1).max(64).optional(),
  runAsUser: z.int().min(1).max(65_535).optional(),
  writablePaths: z.array(path).max(16).optional(),
});

/** Archon's MCP server; the image is a setting unless it is given. */
export const archonSchema = z.strictObject({ image: image.optional(), pullPolicy });

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

/** An amount as Kubernetes takes it: text, or a plain number. */
const amount = (pattern: RegExp, expected: string) =>
  z.preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    z.string().regex(pattern, expected),
  );
/** Of processors. */
const quantity = amount(
  /^[0-9]+(\.[0-9]+)?(m|[kKMGTP]i?)?$/,
  'must be a number of processors such as 500m or 2',
);
/** Of bytes: `m` is a thousandth, and `512m` of memory half a byte. */
export const byteQuantity = amount(
  /^[0-9]+(\.[0-9]+)?([kKMGTP]i?)?$/,
  'must be an amount of bytes such as 512Mi or 2Gi',
);
export const quantities = z.strictObject({
  cpu: quantity.optional(),
  memory: byteQuantity.optional(),
  'ephemeral-storage': byteQuantity.optional(),
});
const label = z.string().max(317);

/** A folder that outlives the pods of a server: a claim of its own, or one that is there. */
export const persistenceSchema = z.strictObject({
  /** Of the claim that is made; 1Gi unless given. */
  size: z
    .string()
    .max(32)
    .regex(/^[0-9]+(\.[0-9]+)?[kKMGTP]i?$/, 'must be a size such as 10Gi')
    .optional(),
  /** The cluster's default unless given; `-` for none. */
  storageClass: z
    .string()
    .max(253)
    .regex(/^(-|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/, 'must be the name of a storage class, or -')
    .optional(),
  accessMode: z.enum(['ReadWriteOnce', 'ReadWriteMany', 'ReadOnlyMany']).default('ReadWriteOnce'),
  /** Instead of a claim of its own. */
  existingClaim: objectName.optional(),
  mountPath: path.default('/data'),
  /** A folder of the volume, instead of its root. */
  subPath: z
    .string()
    .max(512)
    .regex(/^(?!\.\.?(\/|$))(?!.*\/\.\.?(\/|$))[^\0:/][^\0:]*$/, 'must be a relative path without . and ..')
    .optional(),
  /** Of the claim that is made. */
  annotations: z.record(label, z.string().max(4_096)).optional(),
  /** What becomes of the claim when the server, or this member of it, goes. */
  whenDeleted: z.enum(['Retain', 'Delete']).default('Retain'),
});

const toleration = z.strictObject({
  key: label.optional(),
  operator: z.enum(['Exists', 'Equal']).optional(),
  value: z.string().max(63).optional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).optional(),
  tolerationSeconds: z.int().nonnegative().optional(),
});

const allowed = z.strictObject({
  cidr: z.union([z.cidrv4(), z.cidrv6()], 'must be a range of addresses such as 10.1.0.0/16'),
  /** All ports when there are none. */
  ports: z.array(port).max(32).default([]),
});

/** A server that has to be there before this one is started. */
const dependency = z.strictObject({
  name: z.string().refine(isServerName, 'must be the name of a server'),
  /** A range; any version unless given. */
  version: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9^~<>=!*][A-Za-z0-9.+!^~<>=*,| _-]*$/, 'must be a range of versions')
    .optional(),
  tools: z.array(z.string().min(1).max(256)).max(64).optional(),
  optional: z.boolean().default(false),
});

/** The members of a specification that mean nothing on one machine. */
export const workloadFields = {
  transport: z.enum(['stdio', 'http', 'sse', 'websocket']).optional(),
  port: port.optional(),
  replicas: z.int().min(0).max(10).optional(),
  suspend: z.boolean().optional(),
  resources: z.strictObject({ requests: quantities.optional(), limits: quantities.optional() }).optional(),
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
  persistence: persistenceSchema.optional(),
  dependencies: z.array(dependency).max(32).optional(),
};

export const secretKeySchema = z.strictObject({ name: objectName, key: dataKey });

export type ImageSource = z.infer<typeof imageSchema>;
export type ScriptSource = z.infer<typeof scriptSchema>;
