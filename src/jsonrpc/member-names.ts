/** The member names that the envelope scan looks for, by level: 1 the message, 2 its `params`, 3 their `_meta`. */

/** What the scan remembers the place of. */
export const SLOT = {
  jsonrpc: 1,
  id: 2,
  method: 3,
  params: 4,
  result: 5,
  error: 6,
  meta: 7,
  requestId: 8,
  token: 9,
  uri: 10,
  protocolVersion: 11,
  metaToken: 12,
  metaVersion: 13,
  name: 14,
  requestState: 15,
  inputResponses: 16,
  metaCapabilities: 17,
  metaSubscription: 18,
} as const;

export const SLOT_COUNT = 19;

const NAMES: readonly ReadonlyMap<string, number>[] = [
  new Map(),
  new Map<string, number>([
    ['jsonrpc', SLOT.jsonrpc],
    ['id', SLOT.id],
    ['method', SLOT.method],
    ['params', SLOT.params],
    ['result', SLOT.result],
    ['error', SLOT.error],
  ]),
  new Map<string, number>([
    ['_meta', SLOT.meta],
    ['requestId', SLOT.requestId],
    ['progressToken', SLOT.token],
    ['uri', SLOT.uri],
    ['protocolVersion', SLOT.protocolVersion],
    ['name', SLOT.name],
    ['requestState', SLOT.requestState],
    ['inputResponses', SLOT.inputResponses],
  ]),
  new Map<string, number>([
    ['progressToken', SLOT.metaToken],
    ['io.modelcontextprotocol/protocolVersion', SLOT.metaVersion],
    ['io.modelcontextprotocol/clientCapabilities', SLOT.metaCapabilities],
    ['io.modelcontextprotocol/subscriptionId', SLOT.metaSubscription],
  ]),
];

/** Lengths of the tracked names, so that most names are passed over without a look-up. */
const LENGTHS = NAMES.map((names) => {
  const lengths = new Uint8Array(64);
  for (const name of names.keys()) lengths[name.length] = 1;
  return lengths;
});
/** Bytes of the longest tracked name, or more. */
export const LONGEST_NAME = 63;

const PROTO = '__proto__';

/** Whether a plain name of this many bytes can be one that matters at this level. */
export function mayMatter(length: number, level: number): boolean {
  return (
    length <= LONGEST_NAME && (LENGTHS[level]?.[length] === 1 || (level === 1 && length === PROTO.length))
  );
}

/**
 * The slot of a name, 0 for one that is not tracked, or why it is refused (data-path.md 1.3). `odd`: it was written with
 * escapes or bytes beyond ASCII.
 */
export function slotOf(name: string, level: number, odd: boolean): number | string {
  const slot = NAMES[level]?.get(name) ?? 0;
  if (level > 1 || (slot > 0 && !odd)) return slot;
  if (name === PROTO) return '__proto__ as a member of the message';
  // Some parsers (Go's) compare names without case, Unicode folding included: such a name would mean one thing here and another there.
  const folded = NAMES[1]?.has(name.toUpperCase().toLowerCase()) === true;
  return slot > 0 || folded ? 'an envelope member written with escapes or in another case' : 0;
}

/** A name from its raw latin1 bytes between the quotes, escapes resolved. */
export function decodeName(raw: string): string {
  const text = Buffer.from(raw, 'latin1').toString('utf8');
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
