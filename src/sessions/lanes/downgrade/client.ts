/** What a legacy client says of itself once, in the words in which a modern server is told it with every request. */
import { BerthError } from '../../../errors.ts';
import { applyEdits, byteLength, type Edit, inOrder } from '../../../jsonrpc/edit.ts';
import {
  insertMembers,
  isObjectAt,
  type Member,
  memberNamed,
  membersOf,
  removeMembers,
  stringAt,
} from '../../../jsonrpc/members.ts';
import type { ClientMessage } from '../../message.ts';
import { askedRevision, BERTH_CLIENT } from '../initialize.ts';
import { MODERN_REVISION } from '../modern/serving.ts';

/** What the client has declared that it can be asked. */
export interface Askable {
  readonly form: boolean;
  readonly url: boolean;
  readonly sampling: boolean;
  /** Sampling with tools. */
  readonly samplingTools: boolean;
  readonly roots: boolean;
}

export interface DowngradedClient {
  /** The members of `_meta` that go with every request, as JSON text without braces. */
  readonly envelope: string;
  readonly askable: Askable;
}

const URL_MODE_REVISION = '2025-11-25';
const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
/** It goes with every request, and is kept with every session. */
const MOST_CAPABILITIES = 64 * 1024;
/** Above this the client's description of itself is sent without its ornaments (icons may be whole pictures). */
const MOST_INFO = 4 * 1024;
const INFO_MEMBERS = new Set(['name', 'title', 'version']);

/** Clients without a session: they declare nothing, and any of them may be meant. */
export const SESSIONLESS_CLIENT: DowngradedClient = describe('{}', JSON.stringify(BERTH_CLIENT));

/** Reads a client's `initialize`; throws `invalid-params` when what it declares is too large to go with every request. */
export function readClient(message: ClientMessage): DowngradedClient {
  const { bytes, envelope } = message;
  const params = membersOf(bytes, envelope.paramsStart);
  const capabilities = capabilitiesText(
    bytes,
    memberNamed(params, 'capabilities'),
    askedRevision(message) === URL_MODE_REVISION,
  );
  return describe(capabilities, infoText(bytes, memberNamed(params, 'clientInfo')));
}

function describe(capabilities: string, info: string | undefined): DowngradedClient {
  const parts = [
    `"io.modelcontextprotocol/protocolVersion":"${MODERN_REVISION}"`,
    `"io.modelcontextprotocol/clientCapabilities":${capabilities}`,
  ];
  if (info !== undefined) parts.push(`"io.modelcontextprotocol/clientInfo":${info}`);
  return { envelope: parts.join(','), askable: askableOf(JSON.parse(capabilities)) };
}

function askableOf({ elicitation, sampling, roots }: Record<string, unknown>): Askable {
  return {
    form: has(elicitation, 'form'),
    url: has(elicitation, 'url'),
    sampling: isRecord(sampling),
    samplingTools: has(sampling, 'tools'),
    roots: isRecord(roots),
  };
}

/** The capabilities as the modern era knows them; whatever else stands there passes as it is. */
function capabilitiesText(bytes: Buffer, declared: Member | undefined, knowsUrlMode: boolean): string {
  if (declared === undefined || !isObjectAt(bytes, declared.valueStart)) return '{}';
  const members = membersOf(bytes, declared.valueStart);
  const edits = removeMembers(members, ({ name }) => name === 'tasks');
  for (const { name, valueStart } of members) {
    if (name === 'roots') edits.push(...without(bytes, valueStart, 'listChanged'));
    else if (name === 'extensions') edits.push(...without(bytes, valueStart, TASKS_EXTENSION));
    else if (name === 'elicitation') edits.push(...elicitationEdits(bytes, valueStart, knowsUrlMode));
  }
  const parts = applyEdits(bytes, inOrder(edits), declared.valueStart, declared.end);
  if (byteLength(parts) > MOST_CAPABILITIES)
    throw new BerthError(
      'invalid-params',
      `the capabilities of the client have more than ${MOST_CAPABILITIES} bytes`,
    );
  return Buffer.concat(parts).toString('utf8');
}

/** Without a mode, forms are meant; the URL mode came with one revision. */
function elicitationEdits(bytes: Buffer, start: number, knowsUrlMode: boolean): Edit[] {
  if (!isObjectAt(bytes, start)) return [];
  const members = membersOf(bytes, start);
  const kept = members.filter(({ name }) => name !== 'url' || knowsUrlMode);
  const edits = removeMembers(members, (member) => !kept.includes(member));
  if (kept.some(({ name }) => name === 'form' || name === 'url')) return edits;
  return [insertMembers(start, '"form":{}', kept.length === 0), ...edits];
}

function without(bytes: Buffer, start: number, removed: string): Edit[] {
  return removeMembers(membersOf(bytes, start), ({ name }) => name === removed);
}

/** Undefined where it is none by the modern era's schema: the member is optional there. */
function infoText(bytes: Buffer, info: Member | undefined): string | undefined {
  const members = info ? membersOf(bytes, info.valueStart) : [];
  const named = ['name', 'version'].every((name) => {
    const member = memberNamed(members, name);
    return member !== undefined && stringAt(bytes, member.valueStart) !== undefined;
  });
  if (!info || !named) return undefined;
  if (info.end - info.valueStart <= MOST_INFO) return bytes.toString('utf8', info.valueStart, info.end);
  const kept = members.filter(({ name, start, end }) => INFO_MEMBERS.has(name) && end - start <= MOST_INFO);
  const texts = kept.map(({ start, end }) => bytes.toString('utf8', start, end));
  return texts.length < 2 ? undefined : `{${texts.join(',')}}`;
}

function has(value: unknown, name: string): boolean {
  return isRecord(value) && name in value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
