/** Waiting for what comes over a socket: looks again and again, a bounded number of times. */
import { expect } from 'vitest';

const LOOKS = 2_000;
const BETWEEN_MS = 4;

/** Resolves once `there` holds; fails with `what` when it never does. */
export async function until(what: string, there: () => boolean): Promise<void> {
  for (let look = 0; look < LOOKS; look++) {
    if (there()) return;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
  }
  expect.fail(`never came: ${what}`);
}

/** Lets everything that is under way arrive: for showing that something does *not* come. */
export async function calm(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
}
