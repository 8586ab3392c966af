/** Errors of the modern era in the form of the legacy one. */
import type { Edit } from '../../../jsonrpc/edit.ts';
import { type Member, memberNamed, membersOf, stringAt } from '../../../jsonrpc/members.ts';

const INVALID_PARAMS = '-32602';
const RESOURCE_NOT_FOUND = '-32002';
const OPEN_OBJECT = 0x7b;

/** The members of an error answer's `error`. */
export function errorMembers(line: Buffer): Member[] {
  const error = memberNamed(membersOf(line, line.indexOf(OPEN_OBJECT)), 'error');
  return error ? membersOf(line, error.valueStart) : [];
}

/** The edits of an error that answers `resources/read` of `uri`: a resource that is not there had a code of its own. */
export function readErrorEdits(line: Buffer, uri: string): Edit[] {
  const members = errorMembers(line);
  const code = memberNamed(members, 'code');
  const data = memberNamed(members, 'data');
  const named = data && memberNamed(membersOf(line, data.valueStart), 'uri');
  if (!code || !named || stringAt(line, named.valueStart) !== uri) return [];
  if (line.toString('latin1', code.valueStart, code.end) !== INVALID_PARAMS) return [];
  return [{ start: code.valueStart, end: code.end, text: RESOURCE_NOT_FOUND }];
}

/** The `error` member as JSON text; undefined when there is none. */
export function errorText(line: Buffer): string | undefined {
  const error = memberNamed(membersOf(line, line.indexOf(OPEN_OBJECT)), 'error');
  return error && line.toString('utf8', error.valueStart, error.end);
}
