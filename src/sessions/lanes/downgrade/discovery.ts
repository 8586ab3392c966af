/** The answer to `server/discover` as the answer to `initialize`. */
import { type Edit, inOrder } from '../../../jsonrpc/edit.ts';
import {
  insertMembers,
  isObjectAt,
  type Member,
  memberNamed,
  membersOf,
  removeMembers,
  stringAt,
} from '../../../jsonrpc/members.ts';
import { isModernOnly, metaEdits, type ObjectResult } from './result.ts';

/** What a server offers, as far as the lane acts on it. */
export interface Offered {
  readonly tools: boolean;
  readonly prompts: boolean;
  readonly resources: boolean;
  /** Resource subscriptions. */
  readonly subscribe: boolean;
  readonly logging: boolean;
}

export interface InitializeAnswer {
  readonly revision: string;
  /** Nothing is offered that needs a session: no list changes, no subscriptions, no log level. */
  readonly sessionless: boolean;
  /** Stands for the name of a server that does not give it. */
  readonly serverName: string;
}

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';
/** They do not cross eras. */
const LOST_CAPABILITIES = new Set(['extensions', 'tasks']);
const SESSION_FLAGS = new Set(['listChanged', 'subscribe']);
const REPLACED = new Set(['supportedVersions', 'serverInfo', 'protocolVersion']);

/** The edits that make an `initialize` result of a `server/discover` result. */
export function initializeEdits(result: ObjectResult, answer: InitializeAnswer): Edit[] {
  const { line, members, start } = result;
  const isModern = isModernOnly('server/discover', result);
  const capabilities = memberNamed(members, 'capabilities');
  const offers = capabilities !== undefined && isObjectAt(line, capabilities.valueStart);
  const isRemoved = (member: Member): boolean =>
    isModern(member) || REPLACED.has(member.name) || (member.name === 'capabilities' && !offers);
  const added = [
    `"protocolVersion":${JSON.stringify(answer.revision)}`,
    `"serverInfo":${serverInfo(result, answer.serverName)}`,
    ...(offers ? [] : ['"capabilities":{}']),
  ];
  const meta = memberNamed(members, '_meta');
  return inOrder([
    insertMembers(start, added.join(','), members.every(isRemoved)),
    ...removeMembers(members, isRemoved),
    ...(offers ? capabilityEdits(line, capabilities, answer.sessionless) : []),
    ...(meta && !isRemoved(meta) ? metaEdits(line, meta.valueStart) : []),
  ]);
}

/** Reads what a server offers of a `server/discover` result. */
export function readOffered({ line, members }: ObjectResult): Offered {
  const member = memberNamed(members, 'capabilities');
  const capabilities = member ? membersOf(line, member.valueStart) : [];
  const flag = (name: string, of: string): boolean => {
    const capability = memberNamed(capabilities, name);
    const found = capability && memberNamed(membersOf(line, capability.valueStart), of);
    return found !== undefined && line.toString('latin1', found.valueStart, found.end) === 'true';
  };
  return {
    tools: flag('tools', 'listChanged'),
    prompts: flag('prompts', 'listChanged'),
    resources: flag('resources', 'listChanged'),
    subscribe: flag('resources', 'subscribe'),
    logging: memberNamed(capabilities, 'logging') !== undefined,
  };
}

function capabilityEdits(line: Buffer, { valueStart }: Member, sessionless: boolean): Edit[] {
  const capabilities = membersOf(line, valueStart);
  const isLost = ({ name }: Member): boolean =>
    LOST_CAPABILITIES.has(name) || (sessionless && name === 'logging');
  const edits = removeMembers(capabilities, isLost);
  if (!sessionless) return edits;
  for (const capability of capabilities) {
    if (isLost(capability)) continue;
    const members = membersOf(line, capability.valueStart);
    edits.push(...removeMembers(members, ({ name }) => SESSION_FLAGS.has(name)));
  }
  return edits;
}

/** What the server says of itself, in its own bytes; the legacy era cannot do without it. */
function serverInfo({ line, members }: ObjectResult, name: string): string {
  const meta = memberNamed(members, '_meta');
  const candidates = [
    meta && memberNamed(membersOf(line, meta.valueStart), SERVER_INFO),
    memberNamed(members, 'serverInfo'),
  ];
  const info = candidates.find((member) => member && isImplementation(line, member));
  return info
    ? line.toString('utf8', info.valueStart, info.end)
    : JSON.stringify({ name, version: 'unknown' });
}

function isImplementation(line: Buffer, { valueStart }: Member): boolean {
  const members = membersOf(line, valueStart);
  return ['name', 'version'].every((name) => {
    const member = memberNamed(members, name);
    return member !== undefined && stringAt(line, member.valueStart) !== undefined;
  });
}
