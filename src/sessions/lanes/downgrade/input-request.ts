/** What a modern server asks for in an `input_required` result, as the requests that a legacy client answers. */
import { randomUUID } from 'node:crypto';
import { applyEdits, ownMemory } from '../../../jsonrpc/edit.ts';
import {
  insertMembers,
  isObjectAt,
  type Member,
  memberNamed,
  membersOf,
  stringAt,
} from '../../../jsonrpc/members.ts';
import type { Askable } from './client.ts';
import type { ObjectResult } from './result.ts';

export type AskedMethod = 'elicitation/create' | 'sampling/createMessage' | 'roots/list';

/** One entry of `inputRequests`; positions are byte indexes into the result's line. */
export interface InputRequest {
  /** Decoded. */
  readonly key: string;
  readonly method: AskedMethod;
  readonly params: Member | undefined;
  /** What the client must have declared to be asked this. */
  readonly needs: keyof Askable;
}

/** What a round of `input_required` holds. */
export interface InputRequired {
  readonly requests: readonly InputRequest[];
  /** `requestState` as it stands there, quotes included. */
  readonly state: Buffer | undefined;
}

/** Questions of one round: more than any client could put before a human. */
const MOST_REQUESTS = 64;

/** Reads an `input_required` result; a string says what is wrong with it. */
export function readInputRequired({ line, members }: ObjectResult): InputRequired | string {
  const asked = memberNamed(members, 'inputRequests');
  const state = memberNamed(members, 'requestState');
  if (state && stringAt(line, state.valueStart) === undefined) return 'requestState is no string';
  if (asked && !isObjectAt(line, asked.valueStart)) return 'inputRequests is no object';
  const entries = asked ? lastOfEach(membersOf(line, asked.valueStart)) : [];
  if (entries.length === 0 && !state) return 'there is neither an input request nor a requestState';
  if (entries.length > MOST_REQUESTS) return `there are more than ${MOST_REQUESTS} input requests`;
  const requests = entries.map((entry) => readRequest(line, entry));
  const wrong = requests.find((request) => typeof request === 'string');
  if (wrong !== undefined) return wrong;
  return {
    requests: requests.filter((request) => typeof request !== 'string'),
    // It outlives the line that it stands in.
    state: state && ownMemory([line.subarray(state.valueStart, state.end)]),
  };
}

/** The request that the client gets. What the server wrote stays as it is; the legacy era wants an id for a visit to a URL. */
export function askingMessage(id: number, line: Buffer, { method, params, needs }: InputRequest): Buffer[] {
  const head = `{"jsonrpc":"2.0","id":${id},"method":"${method}"`;
  if (!params) return [Buffer.from(`${head}}`)];
  const members = needs === 'url' ? membersOf(line, params.valueStart) : [];
  const edits =
    needs === 'url' && !memberNamed(members, 'elicitationId')
      ? [insertMembers(params.valueStart, `"elicitationId":"${randomUUID()}"`, members.length === 0)]
      : [];
  return [
    Buffer.from(`${head},"params":`),
    ...applyEdits(line, edits, params.valueStart, params.end),
    Buffer.from('}'),
  ];
}

function readRequest(line: Buffer, entry: Member): InputRequest | string {
  const members = membersOf(line, entry.valueStart);
  const named = memberNamed(members, 'method');
  const method = named && stringAt(line, named.valueStart);
  const params = memberNamed(members, 'params');
  const said = JSON.stringify(entry.name.slice(0, 64));
  if (params && !isObjectAt(line, params.valueStart))
    return `the params of input request ${said} are no object`;
  if (!params && method !== 'roots/list') return `input request ${said} has no params`;
  const needs = needsOf(line, method, params);
  if (needs === undefined) return `input request ${said} is none that revision 2026-07-28 defines`;
  return { key: entry.name, method: method as AskedMethod, params, needs };
}

function needsOf(
  line: Buffer,
  method: string | undefined,
  params: Member | undefined,
): keyof Askable | undefined {
  const members = params ? membersOf(line, params.valueStart) : [];
  if (method === 'roots/list') return 'roots';
  if (method === 'sampling/createMessage')
    return members.some(({ name }) => name === 'tools' || name === 'toolChoice')
      ? 'samplingTools'
      : 'sampling';
  if (method !== 'elicitation/create') return undefined;
  const mode = memberNamed(members, 'mode');
  const said = mode ? stringAt(line, mode.valueStart) : 'form';
  return said === 'form' || said === 'url' ? said : undefined;
}

function lastOfEach(members: readonly Member[]): Member[] {
  return [...new Map(members.map((member) => [member.name, member])).values()];
}
