/** Query parameters, checked: an unknown value is an error, never a default. */
import type { HonoRequest } from 'hono';
import { BerthError } from '../errors.ts';

/** True for `true` and `1`, false for `false`, `0` and absence. Throws `bad-input`. */
export function queryFlag(request: HonoRequest, name: string): boolean {
  const text = request.query(name);
  if (text === undefined || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw fault(name, 'must be true or false');
}

/** A whole number in the range. Throws `bad-input`. */
export function queryNumber(
  request: HonoRequest,
  name: string,
  { fallback, max }: { fallback: number; max: number },
): number {
  const text = request.query(name);
  if (text === undefined) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= max) return value;
  throw fault(name, `must be a number from 0 to ${max}`);
}

/** One of the words, or undefined. Throws `bad-input`. */
export function queryWord<T extends string>(
  request: HonoRequest,
  name: string,
  words: readonly T[],
): T | undefined {
  const text = request.query(name);
  if (text === undefined) return undefined;
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw fault(name, `must be one of ${words.join(', ')}`);
}

/** The part of a list that `limit` (100 unless given) and `offset` ask for. Throws `bad-input`. */
export function queryPage(request: HonoRequest): { of<T>(all: readonly T[]): T[] } {
  const limit = queryNumber(request, 'limit', { fallback: 100, max: 1_000 });
  const offset = queryNumber(request, 'offset', { fallback: 0, max: 100_000 });
  return { of: (all) => all.slice(offset, offset + limit) };
}

function fault(name: string, detail: string): BerthError {
  return new BerthError('bad-input', `query parameter ${name} ${detail}`, {
    fields: [{ pointer: `?${name}`, detail }],
  });
}
