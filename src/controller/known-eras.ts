/**
 * What replicas of a server have shown to speak, handed on to later ones of exactly the same configuration: whoever wakes it need not
 * wait until that is tried again. It is written down when the server is stopped, and given at its next start: neither a stop nor
 * anything that goes on under replicas changes what pods are made from.
 */
import { z } from 'zod';
import type { Blueprint, PodSettings, Program } from '../cluster/objects/blueprint.ts';
import { type Generation, generationOf } from '../cluster/objects/config-secret.ts';
import type { Deployment } from '../cluster/objects/deployment.ts';
import { GENERATION_LABEL } from '../cluster/objects/naming.ts';
import type { Era } from '../supervisor/handshake-report.ts';
import type { Replica } from './replica-probe.ts';

type Eras = readonly Era[];

/**
 * On the Deployment: the eras that are known, those that its pods are given, and the generation that they are of, which is that of the
 * configuration without any.
 */
export const ERAS_ANNOTATION = 'berth.dev/eras';

const list = z.array(z.enum(['legacy', 'modern'])).min(1);
const schema = z.strictObject({ of: z.string(), known: list.optional(), given: list.optional() });
type Note = z.infer<typeof schema>;

export interface ErasQuestion {
  /** Without known eras. */
  readonly blueprint: Blueprint;
  readonly settings: PodSettings;
  readonly existing: Deployment | undefined;
  readonly replicas: readonly Replica[];
}

/** The generation to be run, with the eras in it that its pods are given, and what to write down. */
export function withKnownEras(question: ErasQuestion): {
  readonly generation: Generation;
  readonly blueprint: Blueprint;
  readonly annotations: Readonly<Record<string, string>>;
} {
  const { blueprint, settings } = question;
  const plain = generationOf(blueprint, settings);
  const note = staysTheSame(blueprint.program) ? noteOf(plain, question) : undefined;
  if (!note) return { generation: plain, blueprint, annotations: {} };
  const annotations = { [ERAS_ANNOTATION]: JSON.stringify(note) };
  if (!note.given) return { generation: plain, blueprint, annotations };
  const knowing = { ...blueprint, knownEras: note.given };
  return { generation: generationOf(knowing, settings), blueprint: knowing, annotations };
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

function noteOf(plain: Generation, question: ErasQuestion): Note | undefined {
  const { blueprint, existing } = question;
  const { known, given } = readNote(existing, plain.name);
  if (blueprint.replicas === 0) return toNote(plain, { known: knownNow(plain, known, question), given });
  const isStart = existing?.spec.replicas === 0;
  return toNote(plain, { known, given: isStart ? known : given });
}

function toNote(
  plain: Generation,
  { known, given }: { readonly known: Eras | undefined; readonly given: Eras | undefined },
): Note | undefined {
  if (!known && !given) return undefined;
  return { of: plain.name, ...(known && { known: [...known] }), ...(given && { given: [...given] }) };
}

/** As replicas of this configuration say that are about to go. */
function knownNow(
  plain: Generation,
  known: Eras | undefined,
  { existing, blueprint, settings, replicas }: ErasQuestion,
): Eras | undefined {
  const { given } = readNote(existing, plain.name);
  const knowing = given && generationOf({ ...blueprint, knownEras: given }, settings);
  const same = [plain.name, knowing?.name];
  const ofSame = replicas.filter(({ pod }) => same.includes(pod.metadata.labels?.[GENERATION_LABEL] ?? ''));
  const said = ofSame.findLast(({ report }) => report?.eras !== undefined)?.report;
  if (!said?.eras || isSame(said.eras, known)) return known;
  return said.conclusive ? said.eras : undefined;
}

function isSame(eras: Eras, others: Eras | undefined): boolean {
  return eras.length === others?.length && eras.every((era) => others.includes(era));
}

/** Of another configuration, or illegible, it says nothing. */
function readNote(existing: Deployment | undefined, of: string): Partial<Note> {
  const text = existing?.metadata.annotations?.[ERAS_ANNOTATION];
  if (text === undefined) return {};
  try {
    const note = schema.parse(JSON.parse(text));
    return note.of === of ? note : {};
  } catch {
    return {};
  }
}
