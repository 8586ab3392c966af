/** Holds each test of a file to what {@link ObjectDiff} says of it. */
import { fits, type ObjectDiff, type Pattern, Span } from './object-diff.ts';

const LOOKS = 600;
const LOOK_EVERY = 50;
const TURNS = 3;

export interface SpanOptions {
  readonly diff: ObjectDiff;
  /** The number of the newest change in the cluster. */
  readonly revision: () => Promise<number>;
  /** Resolves when it is time to look again; how often is bounded here. */
  readonly pause?: () => Promise<void>;
}

export interface TestEnd {
  readonly test: string;
  readonly failed: boolean;
  /** Another test comes next, with no hooks between them but those of tests. */
  readonly isFollowed: boolean;
}

export class TestSpans {
  readonly #options: SpanOptions;
  readonly #closed: Span[] = [];
  readonly #running = new Set<string>();
  /** Where the next span begins, if that is known. */
  #known: number | undefined;
  #open: { readonly span: Span; readonly begun: Promise<void> } | undefined;

  constructor(options: SpanOptions) {
    this.#options = options;
  }

  /** Before a test does anything. */
  async begin(test: string): Promise<void> {
    if (this.#open && this.#running.size === 0) this.#open.span.tests = [];
    this.#running.add(test);
    this.#open ??= this.#begun(new Span());
    this.#open.span.tests.push(test);
    await this.#open.begun;
  }

  /** What the running test has made and later ones go on with. */
  leave(patterns: readonly Pattern[]): void {
    if (!this.#open) throw new Error('leaveForLater is said in the test that makes what it leaves');
    this.#open.span.left.push(...patterns);
  }

  /** Whether the running test has said so of an object, as `plural name`. */
  isLeft(name: string): boolean {
    return this.#open?.span.left.some((pattern) => fits(name, pattern)) ?? false;
  }

  /** After a test and its own hooks. Rejects with the names of what it has left behind, when that had time to go. */
  async end({ test, failed, isFollowed }: TestEnd): Promise<void> {
    const span = this.#open?.span;
    this.#running.delete(test);
    if (!span) return;
    span.failed ||= failed;
    await turns();
    if (this.#running.size > 0) return;
    // To ask for numbers between tests that make nothing would cost more than all else here.
    if (isFollowed && !span.failed && !this.#options.diff.hasMade(span)) return;
    const to = await this.#options.revision();
    // Another one has begun meanwhile: its end is the end of both.
    if (this.#running.size > 0) return;
    this.#open = undefined;
    this.#closed.push(span);
    span.to = to;
    this.#known = isFollowed ? to : undefined;
    if (!span.failed) await this.#check(span);
  }

  /** What was told too late for the end of its test: each with the names of its tests. */
  late(): string[] {
    return this.#closed.flatMap((span) => {
      const left = span.failed ? [] : this.#options.diff.left(span);
      return left.length > 0 ? [tell(span, left)] : [];
    });
  }

  #begun(span: Span): { readonly span: Span; readonly begun: Promise<void> } {
    const begin = async (): Promise<void> => {
      span.from = this.#known ?? (await this.#options.revision());
    };
    return { span, begun: begin() };
  }

  async #check(span: Span): Promise<void> {
    const { diff, revision, pause = sleep } = this.#options;
    if (diff.left(span).length === 0) {
      span.until = span.to;
      return;
    }
    for (let look = 0; look < LOOKS && diff.left(span).length > 0; look++) await pause();
    const left = diff.left(span);
    span.until = await revision();
    if (left.length === 0) return;
    span.failed = true;
    throw new Error(tell(span, left));
  }
}

/** Lets this program read what has come while a test held it up, as one does that waits for kubectl. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function tell({ tests }: Span, left: readonly string[]): string {
  return `${tests.join(', ')}: left behind ${left.join(', ')}; remove it in the test, or say leaveForLater where later tests need it`;
}

const sleep = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
