/** The token that lets one installer Job put one tree: an authentication code over the name of the Job. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const JOB_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What the Job sends; both sides hold `key`. */
export function treeToken(key: Buffer, job: string): string {
  return `${codeOf(key, job).toString('base64url')}.${job}`;
}

/** The name of the Job that holds the token; undefined for anything that is not one of ours. */
export function readTreeToken(key: Buffer, token: string): string | undefined {
  const dot = token.indexOf('.');
  const job = token.slice(dot + 1);
  if (dot < 0 || !JOB_NAME.test(job)) return undefined;
  const given = Buffer.from(token.slice(0, dot), 'base64url');
  const right = codeOf(key, job);
  return given.length === right.length && timingSafeEqual(given, right) ? job : undefined;
}

function codeOf(key: Buffer, job: string): Buffer {
  return createHmac('sha256', key).update(`berth-tree ${job}`).digest();
}
