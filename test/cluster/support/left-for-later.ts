/** What a test says of objects that it does not remove. */
import type { Pattern } from './object-diff.ts';
import type { TestSpans } from './test-spans.ts';

let spans: TestSpans | undefined;

/** Who holds the tests of this file to what they leave. */
export function tellWhatIsLeft(to: TestSpans): void {
  spans = to;
}

/**
 * Said in a test: later ones go on with objects that it has made, each as `plural name`, or an expression for several. They are to be
 * gone when all tests of the file have ended.
 */
export function leaveForLater(...patterns: readonly Pattern[]): void {
  spans?.leave(patterns);
}

/** Whether the running test has said so of an object. */
export function isLeftForLater(name: string): boolean {
  return spans?.isLeft(name) ?? false;
}
