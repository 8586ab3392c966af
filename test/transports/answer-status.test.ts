/** The status of an answer, whatever a server puts in the place of an error's code. */
import { describe, expect, it } from 'vitest';
import { answerStatus } from '../../src/transports/modern/answer-status.ts';

function statusOf(code: string): number {
  return answerStatus([Buffer.from(`{"jsonrpc":"2.0","id":1,"error":{"code":${code},"message":"no"}}`)]);
}

describe('an error of the code', () => {
  it.each([
    ['-32601', 404],
    ['-32020', 400],
    ['-32021', 400],
    ['-32022', 400],
    ['-32603', 200],
    ['"-32601"', 200],
    ['"constructor"', 200],
    ['"__proto__"', 200],
    ['{"toString":1}', 200],
    ['null', 200],
  ])('%s has the status %i', (code, status) => {
    expect(statusOf(code)).toBe(status);
  });
});
