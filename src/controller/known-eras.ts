/**
 * What replicas of a server have shown to speak, handed on to later ones of exactly the same configuration: whoever wakes it need not
 * wait until that is tried again. It is handed on while there is no replica, as new pods of the rest would be made for it.
 */
import { z } from 'zod';
import type { Blueprint, PodSettings, Program } from '../cluster/objects/blueprint.ts';
import { type Generation, generationOf } from '../cluster/objects/config-secret.ts';
import type { Deployment } from '../cluster/objects/deployment.ts';
import { GENERATION_LABEL } from '../cluster/objects/naming.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import type { Replica } from './replica-probe.ts';

/** On the Deployment: the eras, and the generation that they are of, which is that of the configuration without them. */
export const ERAS_ANNOTATION = 'berth.dev/eras';

const schema = z.strictObject({ of: z.string(), eras: z.array(z.enum(['legacy', 'modern'])).min(1) });
type KnownEras = z.infer<typeof schema>;

export interface ErasQuestion {
  /** Without known eras. */
  readonly blueprint: Blueprint;
  readonly settings: PodSettings;
  readonly existing: Deployment | undefined;
  readonly replicas: readonly Replica[];
}

/** The generation to be run, with the eras in it that are known, and what to write down of them. */
export function withKnownEras(question: ErasQuestion): {
  readonly generation: Generation;
  readonly blueprint: Blueprint;
  readonly annotations: Readonly<Record<string, string>>;
} {
  const { blueprint, settings } = question;
  const plain = generationOf(blueprint, settings);
  const known = staysTheSame(blueprint.program) ? knownErasOf(plain, question) : undefined;
  if (!known) return { generation: plain, blueprint, annotations: {} };
  const knowing = { ...blueprint, knownEras: known.eras };
  return {
    generation: generationOf(knowing, settings),
    blueprint: knowing,
    annotations: { [ERAS_ANNOTATION]: JSON.stringify(known) },
  };
}

/** Another program may be behind the same tag or address the next time. */
function staysTheSame(program: Program): boolean {
  switch (program.kind) {
    case 'package':
    case 'script':
      return true;
    case 'image':
      return program.image.image.includes('@');
    case 'sidecar':
    case 'remote':
      return false;
  }
}

function knownErasOf(plain: Generation, { blueprint, settings, existing, replicas }: ErasQuestion) {
  const recorded = readKnownEras(existing, plain.name);
  if (blueprint.replicas > 0) return recorded;
  const same = [
    plain.name,
    ...(recorded ? [generationOf({ ...blueprint, knownEras: recorded.eras }, settings).name] : []),
  ];
  const ofSame = replicas.filter(({ pod }) => same.includes(pod.metadata.labels?.[GENERATION_LABEL] ?? ''));
  const said = ofSame.findLast(({ report }) => report?.eras !== undefined)?.report;
  if (!said?.eras || isSame(said.eras, recorded?.eras)) return recorded;
  return said.conclusive ? { of: plain.name, eras: [...said.eras] } : undefined;
}

function isSame(eras: readonly Era[], others: readonly Era[] | undefined): boolean {
  return eras.length === others?.length && eras.every((era) => others.includes(era));
}

/** Of another configuration, or illegible, they are not known. */
function readKnownEras(existing: Deployment | undefined, of: string): KnownEras | undefined {
  const text = existing?.metadata.annotations?.[ERAS_ANNOTATION];
  if (text === undefined) return undefined;
  try {
    const known = schema.parse(JSON.parse(text));
    return known.of === of ? known : undefined;
  } catch {
    return undefined;
  }
}
