/** What to start: always a program and an argument list, never a command line and never a shell. */
export interface Launch {
  /** Absolute path of the program. */
  readonly file: string;
  readonly args: readonly string[];
  /** The complete environment of the child; nothing is inherited beside it. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}
