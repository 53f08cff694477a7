/** What the command line needs of its surroundings; tests give their own. */
export interface Terminal {
  /** Writes data to stdout. */
  out(text: string): void;
  /** Writes progress, warnings and errors to stderr. */
  err(text: string): void;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  /** Width of stdout; undefined where it is no terminal. */
  columns: number | undefined;
  /** NO_COLOR is set. */
  noColor: boolean;
  /** AFDBENCH_DEBUG is set: stacks of internal errors are printed. */
  debug: boolean;
  /** Calls back on SIGINT; gives the function that ends it. */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process at once. */
  exitNow(code: number): void;
}

/** What a command gets: its surroundings, and where it leaves its exit code. */
export interface CommandContext {
  readonly terminal: Terminal;
  exitCode: number;
}
