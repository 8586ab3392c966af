/** A line of a server's standard error in the log of its supervisor's container, as JSON beside the time. */
export interface SaidLine {
  /** As the workload's container counts. */
  readonly pid: number;
  readonly stderr: string;
}

/** Undefined for any other line. */
export function readSaidLine(text: string): SaidLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const { pid, stderr } = JSON.parse(text) as Partial<SaidLine>;
    return typeof pid === 'number' && typeof stderr === 'string' ? { pid, stderr } : undefined;
  } catch {
    return undefined;
  }
}
