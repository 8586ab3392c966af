/** What a specification asks of the memory and the processors of one machine, in numbers. */
import { BerthError } from '../errors.ts';
import {
  cpuText,
  type FindLack,
  LEAST_CPU,
  LEAST_MEMORY,
  memoryText,
  type Resource,
  type ResourceLimits,
  readCpu,
  readMemory,
} from '../supervisor/resource-limits.ts';
import type { ServerSpec } from './server-spec.ts';

type Fault = { readonly pointer: string; readonly detail: string };

/**
 * The limits of a specification; undefined when it asks for none. Throws `bad-input` for those that no process could have, and `not-allowed` for
 * what this machine cannot do, with what it lacks. `findLack` is absent where no machine is asked.
 */
export function planLimits(
  { resources }: Pick<ServerSpec, 'resources'>,
  findLack: FindLack | undefined,
): ResourceLimits | undefined {
  if (!resources) return undefined;
  refuseClusterOnly(resources);
  const { memory, cpu } = resources.limits ?? {};
  const limits: ResourceLimits = {
    ...(memory !== undefined && {
      memoryBytes: readMemory(memory) ?? tooLittle('memory', memoryText(LEAST_MEMORY)),
    }),
    ...(cpu !== undefined && { cpuMillis: readCpu(cpu) ?? tooLittle('cpu', cpuText(LEAST_CPU)) }),
  };
  const wanted = wantedOf(limits);
  if (wanted.length === 0) return undefined;
  for (const resource of wanted) refuseLack(resource, findLack);
  return limits;
}

/** Which resources are limited. */
export function wantedOf({ memoryBytes, cpuMillis }: ResourceLimits): Resource[] {
  return [
    ...(memoryBytes === undefined ? [] : (['memory'] as const)),
    ...(cpuMillis === undefined ? [] : (['cpu'] as const)),
  ];
}

/** Limits as quantities, for people. */
export function limitTexts({ memoryBytes, cpuMillis }: ResourceLimits): { memory?: string; cpu?: string } {
  return {
    ...(memoryBytes !== undefined && { memory: memoryText(memoryBytes) }),
    ...(cpuMillis !== undefined && { cpu: cpuText(cpuMillis) }),
  };
}

/** Nothing is set aside on one machine, and no disk is measured. */
function refuseClusterOnly({ requests, limits }: NonNullable<ServerSpec['resources']>): void {
  const asked = [
    ...(requests && Object.keys(requests).length > 0 ? ['resources/requests'] : []),
    ...(limits?.['ephemeral-storage'] === undefined ? [] : ['resources/limits/ephemeral-storage']),
  ];
  if (asked.length === 0) return;
  throw new BerthError('not-allowed', `${asked.join(', ')}: only a gateway in a cluster can do that`, {
    fields: asked.map((name) => ({ pointer: `/${name}`, detail: 'needs a cluster' })),
    hint: 'Leave it out: on one machine resources.limits may have memory and cpu.',
  });
}

function tooLittle(resource: Resource, least: string): never {
  throw badLimit({
    pointer: `/resources/limits/${resource}`,
    detail: `must be a quantity that a process can live with, from ${least} on`,
  });
}

function badLimit(fault: Fault): BerthError {
  return new BerthError('bad-input', `${fault.pointer} ${fault.detail}`, { fields: [fault] });
}

function refuseLack(resource: Resource, findLack: FindLack | undefined): void {
  const lack = findLack ? findLack(resource) : { reason: 'nothing is started here', fix: 'Leave it out.' };
  if (!lack) return;
  throw new BerthError('not-allowed', `the ${resource} of a server cannot be limited here: ${lack.reason}`, {
    fields: [{ pointer: `/resources/limits/${resource}`, detail: lack.reason }],
    hint: `${lack.fix} Or leave resources.limits.${resource} out.`,
  });
}
