import { main } from "../../src/cli/main.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

/** What a command line left behind. */
export interface Outcome {
  exitCode: number;
  out: string;
  err: string;
}

/** A terminal that keeps what is written to it, and the listeners that a Ctrl-C would call. */
export interface FakeTerminal extends Terminal {
  outcome: Outcome;
  interrupt(): void;
}

export function fakeTerminal(changes: Partial<Terminal> = {}): FakeTerminal {
  const outcome: Outcome = { exitCode: 0, out: "", err: "" };
  const listeners = new Set<() => void>();
  return {
    out: (text) => {
      outcome.out += text;
    },
    err: (text) => {
      outcome.err += text;
    },
    outIsTerminal: false,
    errIsTerminal: false,
    columns: undefined,
    noColor: false,
    debug: false,
    onInterrupt(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    exitNow: (code) => {
      outcome.exitCode = code;
    },
    ...changes,
    outcome,
    interrupt: () => {
      for (const listener of listeners) listener();
    },
  };
}

/** Runs a command line in this process. */
export async function run(args: readonly string[], terminal = fakeTerminal()): Promise<Outcome> {
  const exitCode = await main(args, terminal);
  return { ...terminal.outcome, exitCode };
}
