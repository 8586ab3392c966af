/** How a command in a pod ended, as the status channel says it. */

export type ExecExit =
  /** The command ran; 137 for one that was killed. */
  | { readonly kind: 'exited'; readonly code: number }
  /** It never ran, or its end is not known: the runtime's own words. */
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string }
  /** The connection broke first; the command may still run. */
  | { readonly kind: 'lost'; readonly message: string }
  /** We ended it before it said anything. */
  | { readonly kind: 'closed' };

interface Status {
  readonly status?: unknown;
  readonly reason?: unknown;
  readonly message?: unknown;
  readonly details?: {
    readonly causes?: readonly { readonly reason?: unknown; readonly message?: unknown }[];
  };
}

/** Reads the JSON of the status channel; undefined for what is no (complete) Status. */
export function readExit(text: string): ExecExit | undefined {
  const status = parse(text);
  if (status?.status === 'Success') return { kind: 'exited', code: 0 };
  if (status?.status !== 'Failure') return undefined;
  const code = status.reason === 'NonZeroExitCode' ? exitCodeOf(status) : undefined;
  if (code !== undefined) return { kind: 'exited', code };
  return { kind: 'failed', reason: textOf(status.reason), message: textOf(status.message) };
}

/** One sentence for a log or an error. */
export function describeExit(exit: ExecExit): string {
  switch (exit.kind) {
    case 'exited':
      return `the command ended with exit code ${exit.code}`;
    case 'failed':
      return `the command did not run: ${exit.message || exit.reason || 'no reason was given'}`;
    case 'lost':
      return `the connection broke: ${exit.message}`;
    case 'closed':
      return 'the connection was closed';
  }
}

function exitCodeOf({ details }: Status): number | undefined {
  const causes = Array.isArray(details?.causes) ? details.causes : [];
  const text = causes.find((cause) => cause?.reason === 'ExitCode')?.message;
  const code = Number(text);
  return typeof text === 'string' && Number.isInteger(code) ? code : undefined;
}

function parse(text: string): Status | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
