/** What one process of a server may use of this machine, with everything that it starts. */

export interface ResourceLimits {
  /** Memory and swap together, bytes. */
  readonly memoryBytes?: number;
  /** Thousandths of a processor. */
  readonly cpuMillis?: number;
}

export type Resource = 'memory' | 'cpu';

/** Why something cannot be limited here, and what to do about it. */
export interface Lack {
  readonly reason: string;
  readonly fix: string;
}

/** Says what is in the way of limiting one resource; undefined where it can be limited. */
export type FindLack = (resource: Resource) => Lack | undefined;

/** The end of a process that the system ended, or whose children it ended, because they used more memory than they may. */
export interface OutOfMemory {
  /** What it was allowed, bytes; absent where only the machine itself sets an end. */
  readonly limitBytes?: number;
}

/** Less starts no program at all. */
export const LEAST_MEMORY = 4 * 1_024 ** 2;
/** The kernel takes no smaller share. */
export const LEAST_CPU = 10;
/** No machine has as many, and the kernel's own numbers end not far above. */
const MOST_CPU = 10_000_000;

const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti'] as const;
const STEP = 1_024;
const LETTERS = 'kmgtp';

/** The number of a quantity such as `500m`, `0.5`, `1G` or `512Mi`; undefined for what is none. */
export function readQuantity(text: string): number | undefined {
  const [, number, unit = ''] = /^([0-9]+(?:\.[0-9]+)?)(m|[kKMGTP]i?)?$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  if (unit === 'm') return Number(number) / 1_000;
  const base = unit.endsWith('i') ? STEP : 1_000;
  return Number(number) * base ** (LETTERS.indexOf(unit.slice(0, 1).toLowerCase() || ' ') + 1);
}

/** Bytes of a quantity; undefined for what is none, or too little for a process. */
export function readMemory(text: string): number | undefined {
  const bytes = Math.round(readQuantity(text) ?? 0);
  return bytes >= LEAST_MEMORY && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Thousandths of a processor of a quantity; undefined for what is none, or too little. */
export function readCpu(text: string): number | undefined {
  const millis = Math.round((readQuantity(text) ?? 0) * 1_000);
  return millis >= LEAST_CPU && millis <= MOST_CPU ? millis : undefined;
}

/** Bytes as a Kubernetes quantity: `64Mi`, `1536Ki`. */
export function memoryText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= STEP && value % STEP === 0 && unit < UNITS.length - 1) {
    value /= STEP;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}

/** Thousandths of a processor as a Kubernetes quantity: `500m`, `2`. */
export function cpuText(millis: number): string {
  return millis % 1_000 === 0 ? `${millis / 1_000}` : `${millis}m`;
}

/** `out of memory: it may have 64Mi`. */
export function outOfMemoryText({ limitBytes }: OutOfMemory): string {
  return limitBytes === undefined ? 'out of memory' : `out of memory: it may have ${memoryText(limitBytes)}`;
}

/** What a person can do about a process that ran out of memory. */
export function outOfMemoryHint({ limitBytes }: OutOfMemory): string {
  return limitBytes === undefined
    ? 'The machine has no memory left: end what is not needed, or give it more.'
    : 'Raise resources.limits.memory of the server, or ask it for less at a time.';
}
